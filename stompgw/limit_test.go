package stompgw_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// limit gives an account limits, and waits until they count.
func (g *guests) limit(t *testing.T, account string, l bus.Limits) {
	t.Helper()
	changed := g.Access.Changed()
	if err := g.store.SetLimits(t.Context(), account, l); err != nil {
		t.Fatal(err)
	}
	<-changed
}

// wantRefusal reads an ERROR that has these words in it.
func (c *client) wantRefusal(words ...string) {
	c.t.Helper()
	f := c.next()
	for _, word := range words {
		if f.Command != stomp.ERROR || !strings.Contains(header(f, "message")+string(f.Body), word) {
			c.t.Fatalf("got %s, want an ERROR with %q", show(f), word)
		}
	}
}

func TestAProducerOverItsRateIsSlowedAndLosesNothing(t *testing.T) {
	g := invite(t, "ann x publish")
	g.limit(t, "ann", bus.Limits{bus.LimitRequests: 20})
	c := g.as(t, "ann")
	begun := time.Now()
	for i := range 40 {
		c.sendFrame("SEND", "destination:/topic/x", fmt.Sprint("receipt:", i))
	}
	for i := range 40 {
		if f := c.next(); f.Command != stomp.RECEIPT || header(f, "receipt-id") != fmt.Sprint(i) {
			t.Fatalf("message %d: got %s", i, show(f))
		}
	}
	// The first second's worth comes at once, the rest at 20 a second.
	if took := time.Since(begun); took < 900*time.Millisecond {
		t.Errorf("40 messages at 20 a second took %v", took)
	}
	if f, err := g.Bus.Feed(t.Context(), "x"); err != nil || f.Entries != 40 {
		t.Errorf("feed %+v, %v; want 40 entries", f, err)
	}
}

// owing has a producer that may send 1000 bytes a second owe so many.
func owing(t *testing.T, bytes int) (*guests, *client) {
	t.Helper()
	g := invite(t, "ann x publish")
	g.limit(t, "ann", bus.Limits{bus.LimitBytes: 1000})
	c := g.as(t, "ann")
	c.send("SEND\ndestination:/topic/x\nreceipt:first\n\n" + strings.Repeat("a", bytes) + "\x00")
	if f := c.next(); f.Command != stomp.RECEIPT {
		t.Fatalf("got %s", show(f))
	}
	return g, c
}

func TestAProducerThatOwesTooMuchIsToldWhenToComeBack(t *testing.T) {
	g, c := owing(t, 60_000)
	c.send("SEND\ndestination:/topic/x\nreceipt:second\n\nb\x00")
	c.wantRefusal(`the account "ann" may publish 1000 bytes a second`, "send it again after ", " seconds, and fewer")
	c.expectEnd()
	if f, err := g.Bus.Feed(t.Context(), "x"); err != nil || f.Entries != 1 || g.Access.Refused(bus.LimitBytes) != 1 {
		t.Errorf("feed %+v, %v; want the first message alone, and one refusal", f, err)
	}
}

// What a producer says in headers is stored as its body is.
func TestHeadersCountAsTheBodyDoes(t *testing.T) {
	g := invite(t, "ann x publish")
	g.limit(t, "ann", bus.Limits{bus.LimitBytes: 1000})
	c := g.as(t, "ann")
	c.send("SEND\ndestination:/topic/x\nreceipt:first\nlong:" + strings.Repeat("a", 60_000) + "\n\n\x00")
	if f := c.next(); f.Command != stomp.RECEIPT {
		t.Fatalf("got %s", show(f))
	}
	c.send("SEND\ndestination:/topic/x\n\nb\x00")
	c.wantRefusal(`the account "ann" may publish 1000 bytes a second`)
}

func TestASlowedProducerDoesNotHoldUpTheServersEnd(t *testing.T) {
	g, c := owing(t, 9_000)
	c.send("SEND\ndestination:/topic/x\nreceipt:second\n\n" + strings.Repeat("b", 1_000) + "\x00")           // to be taken after nine seconds
	for deadline := time.Now().Add(patience); g.Stats().Frames["SEND"] < 2; <-time.After(time.Millisecond) { // it has been read
		if time.Now().After(deadline) {
			t.Fatal("the second message is not read")
		}
	}
	begun := time.Now()
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the server took %v to end", took)
	}
}

func TestAnAccountHasOnlySoManyConnections(t *testing.T) {
	g := invite(t, "ann x publish", "anonymous y publish")
	g.limit(t, bus.Everyone, bus.Limits{bus.LimitConnections: 1})
	first := g.as(t, "ann")
	connect := func() *stomp.Frame {
		c := g.dial(t)
		c.sendFrame("CONNECT", "accept-version:1.2", "host:test", "passcode:"+g.token["ann"])
		return c.next()
	}
	if f := connect(); f.Command != stomp.ERROR || !strings.Contains(header(f, "message"), `the account "ann" may have 1 connection, stream or waiting request at a time, and has one`) || !strings.Contains(string(f.Body), "atommq user limit ann connections=") {
		t.Errorf("a second connection: got %s", show(f))
	}
	g.as(t, "root") // the shared account has no limits
	g.as(t, "root")
	g.as(t, "") // those without an account have their own
	first.sendFrame("DISCONNECT")
	for deadline := time.Now().Add(patience); connect().Command != stomp.CONNECTED; {
		if time.Now().After(deadline) {
			t.Fatal("a connection that has ended still counts")
		}
	}
}

func TestAnAccountHasOnlySoManySubscriptions(t *testing.T) {
	g := invite(t, "ann * admin")
	g.limit(t, "ann", bus.Limits{bus.LimitSubscriptions: 2})
	one, two := g.as(t, "ann"), g.as(t, "ann")
	one.done("SUBSCRIBE", "id:1", "destination:/topic/x")
	one.done("SUBSCRIBE", "id:2", "destination:/queue/x")
	one.done("UNSUBSCRIBE", "id:2")
	two.done("SUBSCRIBE", "id:1", "destination:/queue/y")
	two.sendFrame("SUBSCRIBE", "id:2", "destination:/topic/z")
	two.wantRefusal(`the account "ann" may have 2 subscriptions at a time, and has as many`, "UNSUBSCRIBE from some first")
	two.expectEnd()
	// What ended with its connection does not count. The end is seen from here before it is counted.
	for deadline := time.Now().Add(patience); ; {
		three := g.as(t, "ann")
		three.sendFrame("SUBSCRIBE", "id:1", "destination:/topic/z", "receipt:z")
		if three.next().Command == stomp.RECEIPT {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("subscriptions of a session that has ended still count")
		}
	}
}

func TestAnAccountMakesOnlySoManyFeeds(t *testing.T) {
	g := invite(t, "ann * admin")
	g.limit(t, "ann", bus.Limits{bus.LimitFeeds: 1})
	g.as(t, "root").done("SEND", "destination:/topic/there")
	c := g.as(t, "ann")
	c.done("SEND", "destination:/queue/mine")
	c.done("SEND", "destination:/topic/there")
	c.done("SEND", "destination:/topic/mine")
	c.done("SEND", "destination:/topic/elsewhere", "persistent:false") // it makes no feed
	c.done("SUBSCRIBE", "id:t", "destination:/temp-queue/mine")
	c.done("SUBSCRIBE", "id:b", "destination:/queue/nowhere", "browser:true")
	for _, frames := range [][]string{
		{"SEND|destination:/topic/other"},
		{"SEND|destination:/queue/other"},
		{"SUBSCRIBE|id:1|destination:/queue/other"},
		{"BEGIN|transaction:t", "SEND|transaction:t|destination:/topic/mine", "SEND|transaction:t|destination:/topic/other", "COMMIT|transaction:t"},
	} {
		c := g.as(t, "ann")
		for _, frame := range frames {
			c.sendFrame(strings.Split(frame, "|")...)
		}
		c.wantRefusal(`the account "ann" may make 1 feed, and has made one`, "remove one that this account made")
		c.expectEnd()
	}
	g.limit(t, "ann", bus.Limits{bus.LimitFeeds: 0, bus.LimitSubscriptions: 0})
	for frame, words := range map[string][]string{
		"SEND|destination:/topic/other":               {`the account "ann" may make no feeds`, "send to a feed that is there; whoever runs"},
		"SUBSCRIBE|id:1|destination:/topic/elsewhere": {"may have no subscriptions at a time", "\nwhoever runs"},
	} {
		c := g.as(t, "ann")
		c.sendFrame(strings.Split(frame, "|")...)
		c.wantRefusal(words...)
		c.expectEnd()
	}
	if list, err := g.Bus.Feeds(t.Context(), "", "temp", 10); err != nil || len(list) != 1 || list[0].Name != "mine" || list[0].Entries != 2 {
		t.Errorf("feeds %+v, %v; want mine, with two entries", list, err)
	}
}
