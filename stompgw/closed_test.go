package stompgw_test

import (
	"testing"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// setAccepts says what a feed takes: nothing closes it, nil is for all.
func (g *gateway) setAccepts(t *testing.T, feed string, accepts feeds.Accepts) {
	t.Helper()
	if _, err := g.Bus.Configure(t.Context(), feed, bus.Settings{Accepts: &accepts}); err != nil {
		t.Fatal(err)
	}
}

// wantEntries checks how many entries a feed has.
func (g *gateway) wantEntries(t *testing.T, feed string, want int64) {
	t.Helper()
	f, err := g.Bus.Feed(t.Context(), feed)
	if err != nil || f.Entries != want {
		t.Errorf("feed %s: %+v, %v; want %d entries", feed, f, err, want)
	}
}

func TestAClosedFeedTakesNoSEND(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	c.done("SEND", "destination:/topic/x") // it counts as open now
	g.setAccepts(t, "x", feeds.Accepts{})
	for _, frame := range []string{
		"SEND|destination:/queue/x",
		"SEND|destination:/topic/x",
		"SEND|destination:/topic/x|persistent:false",
	} {
		g.connect(t, "1.2").wantERROR(frame, "the feed \"x\" takes no new messages; its owner has closed it.\n"+
			"nothing of this frame was done; ask them to open it, or send to another feed.")
	}
	g.wantEntries(t, "x", 1)
	g.setAccepts(t, "x", feeds.Accepts{"image/*"}) // which is about media
	c.done("SEND", "destination:/topic/x")
	g.wantEntries(t, "x", 2)
}

func TestAnAnswerToAClosedFeedIsRefused(t *testing.T) {
	g := start(t)
	g.setAccepts(t, "answers", feeds.Accepts{})
	c := g.connect(t, "1.2")
	c.sendFrame("SUBSCRIBE", "id:q", "destination:/queue/q")
	c.done("SEND", "destination:/queue/q", "reply-to:/queue/answers")
	c.wantERROR("SEND|destination:"+header(c.next(), "reply-to"), "takes no new messages")
	g.wantEntries(t, "answers", 0)
}

// In 1.0 the session goes on behind an ERROR.
func TestATransactionWithASENDToAClosedFeedDoesNothing(t *testing.T) {
	for _, when := range []string{"before the SEND", "before the COMMIT"} {
		for _, persistent := range []string{"true", "false"} {
			t.Run(when+", persistent:"+persistent, func(t *testing.T) {
				g := start(t)
				g.setAccepts(t, "y", nil)
				c := g.connect(t, "1.0")
				c.done("SEND", "destination:/queue/x")
				c.sendFrame("SUBSCRIBE", "destination:/queue/x", "ack:client")
				work := header(c.next(), "message-id")
				c.done("BEGIN", "transaction:t")
				c.done("ACK", "message-id:"+work, "transaction:t")
				c.done("SEND", "destination:/topic/z", "transaction:t")
				send := "SEND|destination:/topic/y|transaction:t|persistent:" + persistent
				if when == "before the SEND" {
					g.setAccepts(t, "y", feeds.Accepts{})
					c.wantERROR(send, "takes no new messages")
					c.wantERROR("COMMIT|transaction:t", "takes no new messages")
				} else {
					c.sendFrame("SEND", "destination:/topic/y", "transaction:t", "persistent:"+persistent)
					c.done("SEND", "destination:/topic/w") // the one before was taken
					g.setAccepts(t, "y", feeds.Accepts{})
					c.wantERROR("COMMIT|transaction:t", "takes no new messages")
				}
				g.wantEntries(t, "y", 0)
				g.wantEntries(t, "x", 1)
				if _, err := g.Bus.Feed(t.Context(), "z"); err == nil {
					t.Error("what was sent to z was published")
				}
				c.done("ACK", "message-id:"+work) // which is held still
				g.wantEntries(t, "x", 0)
			})
		}
	}
}

func TestDeadLettersGoToAClosedFeedAndBackToOne(t *testing.T) {
	g := start(t)
	once := 1
	if _, err := g.Bus.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{Attempts: &once}); err != nil {
		t.Fatal(err)
	}
	g.setAccepts(t, "x.dead", feeds.Accepts{})
	c := g.connect(t, "1.2")
	c.done("SEND", "destination:/queue/x")
	g.setAccepts(t, "x", feeds.Accepts{})
	c.done("SUBSCRIBE", "id:q", "destination:/queue/x", "ack:client")
	c.done("NACK", "id:"+header(c.next(), "ack"))
	g.wantEntries(t, "x.dead", 1)
	letters := bus.QueueName{Feed: "x.dead", Name: bus.DefaultQueue}
	if done, err := g.Bus.Requeue(t.Context(), letters, 1, 1); err != nil || done.Sent != 1 {
		t.Fatalf("Requeue: %+v, %v", done, err)
	}
	if f := c.next(); f.Command != stomp.MESSAGE {
		t.Errorf("got %s", show(f))
	}
}
