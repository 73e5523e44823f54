package stompgw

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// cast sends a message that is not stored to the topic a.
func (n *testTopics) cast(body string) {
	n.t.Helper()
	if err := n.broadcast(context.Background(), "a", &feeds.Message{Type: "text/plain", Body: []byte(body)}); err != nil {
		n.t.Error(err)
	}
}

func TestTransientMessageGoesToThoseThereAre(t *testing.T) {
	n := memory(t)
	n.cast("before")
	c, old, prefix := n.client(stomp.V12), n.client(stomp.V10), n.client(stomp.V11)
	c.follow("1", "/topic/a", func(q *topicSubscription) { q.ack, q.window = ackIndividual, 1 })
	old.follow("1", "/topic/a")
	prefix.follow("1", "/topic/*", func(q *topicSubscription) { q.whole = true })
	n.cast("one")
	n.cast("two")
	list := c.wantBodies("one", "two")
	for _, m := range list {
		if _, stored := m.header["Xlastid"]; stored || m.header["message-id"] == "" || !c.ack([]byte(m.header["ack"])) {
			t.Errorf("headers %v", m.header)
		}
	}
	if list[0].header["message-id"] == list[1].header["message-id"] {
		t.Error("messages have the same message-id")
	}
	old.wantBodies("one", "two")
	if m := prefix.receive(2)[0]; !strings.Contains(m.body, ">one</content>") {
		t.Errorf("the whole entry came as %s", m.body)
	}
	late := n.client(stomp.V12)
	late.follow("1", "/topic/a", from(0))
	if list, err := late.take(); len(list) > 0 || err != nil {
		t.Errorf("there came %v, %v", list, err)
	}
}

// Who does not take what is not stored is cut off, learns from where to go on, and harms nobody else.
func TestTransientMessageCutsOffWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory(t)
		stuck, quick := n.client(stomp.V12), n.client(stomp.V12)
		stuck.follow("1", "/topic/a")
		quick.follow("1", "/topic/a")
		first := n.send("a", "stored")
		stuck.wantBodies("stored")
		n.send("a", "stored too")
		quick.wantBodies("stored", "stored too")
		for i := range outboxEntries + transientEntries + 10 {
			n.cast(fmt.Sprint(i))
			quick.receive(1)
		}
		_, err := stuck.take()
		var cut *cutOffError
		if !errors.As(err, &cut) || cut.resume != first {
			t.Fatalf("error %v", err)
		}
		n.cast("on")
		n.send("a", "and on")
		quick.wantBodies("on", "and on")
	})
}

// Nobody who goes on where the ERROR says misses what was held back until he acknowledges.
func TestCutOffNamesNoXlastidBehindWhatWaitsForAcks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory(t)
		c := n.client(stomp.V12)
		c.follow("1", "/topic/b", func(q *topicSubscription) { q.ack, q.window = ackIndividual, 1 })
		c.follow("2", "/topic/a")
		first := n.send("b", "b1")
		c.wantBodies("b1")
		n.send("b", "b2") // waits for the ACK of b1
		n.send("a", "a1")
		c.wantBodies("a1")
		for i := range outboxEntries + transientEntries + 10 {
			n.cast(fmt.Sprint(i))
		}
		_, err := c.take()
		var cut *cutOffError
		if !errors.As(err, &cut) || cut.resume != first {
			t.Fatalf("error %v, want one that resumes after %d", err, first)
		}
	})
}

// A sender that is faster than its readers waits for them: nobody who reads is cut off.
func TestTransientMessagesWaitForWhoReads(t *testing.T) {
	n := memory(t)
	c := n.client(stomp.V12)
	c.follow("1", "/topic/a")
	const sent = 50_000
	go func() {
		for range sent {
			n.cast("x")
		}
	}()
	c.receive(sent)
}

func TestTransientMessageStopsWaitingWhenTheSenderEnds(t *testing.T) {
	n := memory(t)
	c := n.client(stomp.V12)
	c.follow("1", "/topic/a")
	for range outboxEntries + transientEntries {
		n.cast("x")
	}
	ended := errors.New("ended")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(ended)
	if err := n.broadcast(ctx, "a", &feeds.Message{}); !errors.Is(err, ended) {
		t.Errorf("error %v", err)
	}
	c.receive(outboxEntries + transientEntries)
}
