package stompgw_test

import (
	"path/filepath"
	"strings"
	"testing"

	"atommq/bus"
	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

// wantERROR sends a frame whose lines are parted by bars, and wants an ERROR that says want.
func (c *client) wantERROR(frame, want string) {
	c.t.Helper()
	c.sendFrame(append(strings.Split(frame, "|"), "receipt:r")...)
	f := c.next()
	for f.Command == stomp.MESSAGE {
		f = c.next()
	}
	if f.Command != stomp.ERROR || header(f, "receipt-id") != "r" || !strings.Contains(string(f.Body), want) {
		c.t.Errorf("%s: got %s, want an ERROR that says %s", frame, show(f), want)
	}
}

// ask has a session ask a question by way of /queue/q, and returns the address for its answers,
// which a worker is told.
func (g *gateway) ask(t *testing.T, asker, worker *client) (address string) {
	t.Helper()
	asker.done("SEND", "destination:/queue/q", "reply-to:/temp-queue/answers")
	worker.done("SUBSCRIBE", "id:q", "destination:/queue/q")
	address = header(worker.next(), "reply-to")
	if !strings.HasPrefix(address, "/queue/temp.") {
		t.Fatalf("the worker is told %q", address)
	}
	return address
}

// feedNames lists the feeds there are.
func feedNames(t *testing.T, b *bus.Bus) string {
	t.Helper()
	list, err := b.Feeds(t.Context(), "", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.Name
	}
	return strings.Join(names, " ")
}

func TestANameLikeThatOfATempQueueGivesNoRights(t *testing.T) {
	g := invite(t, "ann x read", "anonymous news read")
	for _, name := range []string{
		"temp.ABCDEFGHIJKLMNOPQRSTUVWXYB",
		"temp." + strings.Repeat("ABCDEFGH", 5),
		"temp." + strings.Repeat("A", 40) + ".dead",
	} {
		for _, account := range []string{"ann", ""} {
			for _, frame := range []string{
				"SEND|destination:/topic/", "SEND|destination:/queue/", "SUBSCRIBE|id:1|destination:/topic/",
				"SUBSCRIBE|id:1|destination:/queue/", "SUBSCRIBE|id:1|browser:true|destination:/queue/",
				"SEND|destination:/control/count-msgs/queue/", "SEND|destination:/control/count-subscribers/topic/",
			} {
				g.as(t, account).wantERROR(frame+name, "lacks the right to")
			}
		}
	}
	if names := feedNames(t, g.Bus); names != "" {
		t.Errorf("feeds %s were made", names)
	}
}

func TestALimitOfFeedsCountsThoseNamedLikeTempQueues(t *testing.T) {
	g := invite(t, "ann * publish")
	g.limit(t, "ann", bus.Limits{bus.LimitFeeds: 0})
	g.as(t, "ann").wantERROR("SEND|destination:/topic/temp."+strings.Repeat("ABCDEFGH", 5), "may make no feeds")
}

// TestAnAnswerIsWhoAskedsAlone has others, and everybody may do everything, try to get at it.
func TestAnAnswerIsWhoAskedsAlone(t *testing.T) {
	g := start(t)
	asker, worker := g.connect(t, "1.2"), g.connect(t, "1.2")
	address := g.ask(t, asker, worker)
	name := strings.TrimPrefix(address, "/queue/")
	follower := g.connect(t, "1.2")
	follower.done("SUBSCRIBE", "id:all", "destination:/topic/*", "Xlastid:0")
	for _, frame := range []string{
		"SUBSCRIBE|id:1|destination:" + address,
		"SUBSCRIBE|id:1|browser:true|destination:" + address,
		"SUBSCRIBE|id:1|group:g|destination:" + address,
		"SEND|destination:/control/count-msgs/queue/" + name,
		"SEND|destination:/control/count-subscribers/queue/" + name,
		"SEND|destination:/control/count-subscribers/topic/" + name,
		"SUBSCRIBE|id:1|destination:" + address + ".dead",
		"SEND|destination:" + address + ".dead",
	} {
		g.connect(t, "1.2").wantERROR(frame, "belongs to the session that asked")
	}
	for _, frame := range []string{
		"SUBSCRIBE|id:1|destination:/topic/" + name,
		"SUBSCRIBE|id:1|Xlastid:0|destination:/topic/" + name,
		"SEND|destination:/topic/" + name,
		"SEND|persistent:false|destination:/topic/" + name,
	} {
		g.connect(t, "1.2").wantERROR(frame, "send the answer to the reply-to address as it came: "+address)
	}
	worker.done("SEND", "destination:"+address, "answer:42", "group:other")
	if f := asker.next(); header(f, "answer") != "42" || header(f, "subscription") != "/temp-queue/answers" {
		t.Errorf("who asked got %s", show(f))
	}
	worker.done("SEND", "destination:/topic/after")
	for f := follower.next(); header(f, "destination") != "/topic/after"; f = follower.next() {
		if header(f, "destination") != "/topic/q" {
			t.Errorf("who follows all topics got %s", show(f))
		}
	}
	asker.sendFrame("SUBSCRIBE", "id:own", "destination:"+address)
	asker.done("SEND", "destination:/control/count-msgs/queue/"+name)
}

func TestAnAnswerToWhoHasGoneIsDroppedAndTheWorkerGoesOn(t *testing.T) {
	g := start(t)
	asker, worker := g.connect(t, "1.2"), g.connect(t, "1.2")
	address := g.ask(t, asker, worker)
	worker.done("BEGIN", "transaction:t")
	worker.done("SEND", "destination:"+address, "transaction:t")
	asker.done("DISCONNECT")
	asker.expectEnd()
	g.waitUntilGone(t, address)
	for _, lines := range [][]string{
		{"SEND", "destination:" + address},
		{"SEND", "destination:" + address, "transaction:t", "reply-to:/temp-queue/mine"},
		{"COMMIT", "transaction:t"},
		{"SEND", "destination:/queue/other"},
	} {
		worker.done(lines...)
	}
	if names := feedNames(t, g.Bus); names != "other q" {
		t.Errorf("there are the feeds %s", names)
	}
	if n := g.Stats().Dropped; n != 3 {
		t.Errorf("%d answers are counted as dropped, want 3", n)
	}
}

// waitUntilGone waits until a temp queue has gone with its session, whose client sees its end before.
func (g *gateway) waitUntilGone(t *testing.T, address string) {
	t.Helper()
	g.eventually(t, func(*stompgw.Stats) bool {
		state, err := g.Bus.Temp(t.Context(), strings.TrimPrefix(address, "/queue/"))
		return err == nil && state == bus.TempGone
	})
}

func TestAnotherNodeAnswersAndDropsAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	here := serve(t, &stompgw.Server{Bus: openBus(t, path)})
	there := serve(t, &stompgw.Server{Bus: openBus(t, path)})
	asker, worker := here.connect(t, "1.2"), there.connect(t, "1.2")
	address := here.ask(t, asker, worker)
	there.connect(t, "1.2").wantERROR("SUBSCRIBE|id:1|destination:"+address, "belongs to the session that asked")
	worker.done("SEND", "destination:"+address, "answer:42")
	if f := asker.next(); header(f, "answer") != "42" {
		t.Errorf("got %s", show(f))
	}
	if n, err := there.Bus.SweepTemps(t.Context()); n != 0 || err != nil {
		t.Errorf("another node removed %d temp feeds of a session that is there, %v", n, err)
	}
	asker.done("DISCONNECT")
	there.waitUntilGone(t, address)
	worker.done("SEND", "destination:"+address)
	if names := feedNames(t, there.Bus); names != "q" {
		t.Errorf("there are the feeds %s", names)
	}
}
