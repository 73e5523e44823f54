package stompgw_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

// refusals is a gateway with messages in /queue/x that have one attempt.
type refusals struct {
	*gateway
	longest atomic.Int64 // bytes of the dead letters in one op
}

// refuse begins one on a bus that takes so many bytes at once, with so many messages of so many
// bytes.
func refuse(t *testing.T, pending, messages, length int) *refusals {
	t.Helper()
	g := new(refusals)
	store := &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
		for _, op := range ops {
			bytes := 0
			for i := range op.Posts {
				if len(op.Settle) > 0 {
					bytes += len(op.Posts[i].Entry.XML)
				}
			}
			g.longest.Store(max(g.longest.Load(), int64(bytes)))
		}
		return nil
	}}
	b, err := bus.Open(context.Background(), store, nil, bus.Config{Log: slog.New(slog.DiscardHandler), PendingBytes: pending})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	one := 1
	if _, err := b.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{Attempts: &one}); err != nil {
		t.Fatal(err)
	}
	g.gateway = serve(t, &stompgw.Server{Bus: b})
	p := g.connect(t, "1.2")
	for i := range messages {
		p.send(fmt.Sprintf("SEND\ndestination:/queue/x\nreceipt:1\nn:%d\n\n%s\x00", i, strings.Repeat("x", length)))
		if f := p.next(); f.Command != stomp.RECEIPT {
			t.Fatalf("got %s", show(f))
		}
	}
	return g
}

// consume has a new client hold n messages, and returns it and what it acknowledges them with.
func (g *refusals) consume(t *testing.T, n int, mode string) (c *client, acks []string) {
	t.Helper()
	c = g.connect(t, "1.2")
	c.sendFrame("SUBSCRIBE", "id:x", "destination:/queue/x", "ack:"+mode)
	for range n {
		f := c.next()
		if f.Command != stomp.MESSAGE {
			t.Fatalf("got %s", show(f))
		}
		acks = append(acks, header(f, "ack"))
	}
	return c, acks
}

// TestRefusingAnyNumberOfMessagesForTheLastTimeMakesDeadLettersOfAll has dead letters that are
// together longer than a publish may be: where the bus takes less than an operation of NACKs may
// have, too.
func TestRefusingAnyNumberOfMessagesForTheLastTimeMakesDeadLettersOfAll(t *testing.T) {
	const messages = 8
	for name, bounds := range map[string]struct{ pending, length int }{
		"of one publish":   {6 << 20, 1 << 20},
		"of a small queue": {1 << 20, 128 << 10},
	} {
		for _, mode := range []string{"client", "client-individual"} {
			for _, receipt := range []string{"", "receipt:nacked\n"} {
				t.Run(fmt.Sprintf("%s %s %q", name, mode, receipt), func(t *testing.T) {
					g := refuse(t, bounds.pending, messages, bounds.length)
					c, acks := g.consume(t, messages, mode)
					if mode == "client" {
						acks = acks[messages-1:]
					}
					var all strings.Builder
					for _, ack := range acks {
						all.WriteString("NACK\n" + receipt + "id:" + ack + "\n\n\x00")
					}
					c.send(all.String())
					for range acks {
						if receipt == "" {
							break
						}
						if f := c.next(); f.Command != stomp.RECEIPT || header(f, "receipt-id") != "nacked" {
							t.Fatalf("got %s", show(f))
						}
					}
					c.sendFrame("SUBSCRIBE", "id:dead", "destination:/queue/x.dead")
					for i := range messages {
						if f := c.next(); header(f, "subscription") != "dead" || header(f, "n") != fmt.Sprint(i) || len(f.Body) != bounds.length {
							t.Fatalf("got %s, want dead letter %d", f.Command, i)
						}
					}
					c.sendFrame("SEND", "destination:/control/count-msgs/queue/x", "receipt:1")
					if f := c.next(); header(f, "num-messages") != "0" {
						t.Errorf("left in the queue: %s", show(f))
					}
					if n := g.longest.Load(); n > 4<<20+4<<10 {
						t.Errorf("one operation had dead letters of %d bytes", n)
					}
				})
			}
		}
	}
}

func TestATransactionThatRefusesMoreThanItMayIsNotDoneAndSaysWhatToDo(t *testing.T) {
	const messages = 8
	for name, more := range map[string][]string{
		"with a message":   {"SEND", "transaction:t", "destination:/topic/y"},
		"with a broadcast": {"SEND", "transaction:t", "destination:/topic/y", "persistent:false"},
	} {
		t.Run(name, func(t *testing.T) {
			g := refuse(t, 1<<20, messages, 128<<10)
			c, acks := g.consume(t, messages, "client-individual")
			c.sendFrame("BEGIN", "transaction:t")
			for _, ack := range acks {
				c.sendFrame("NACK", "transaction:t", "id:"+ack)
			}
			c.sendFrame(more...)
			c.wantERROR("COMMIT|transaction:t", "nothing of it was done; NACK fewer messages in one transaction, or NACK them without one")
			c.expectEnd()
			g.eventually(t, func(s *stompgw.Stats) bool { return s.Connections == 1 })
			c = g.connect(t, "1.2")
			c.sendFrame("SEND", "destination:/control/count-msgs/queue/x", "receipt:1")
			// The end of the session may make one of the oldest.
			if f := c.next(); header(f, "num-messages") < "7" {
				t.Errorf("dead letters were made: %s", show(f))
			}
		})
	}
}
