package stompgw_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

// TestAConnectionThatBreaksOffIsBlamedOnOneMessage has a client hold a message with one attempt in
// each of two queues, x first.
func TestAConnectionThatBreaksOffIsBlamedOnOneMessage(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(c *client, x string) // names how x is acknowledged
		dead []string
	}{
		"at once":           {func(c *client, _ string) { c.nc.Close() }, []string{"x"}},
		"after ACK":         {func(c *client, x string) { c.done("ACK", x); c.nc.Close() }, []string{"y"}},
		"in a transaction":  {func(c *client, x string) { c.begin(x); c.nc.Close() }, []string{"x"}},
		"by a wrong frame":  {func(c *client, _ string) { c.sendFrame("SEND") }, []string{"x"}},
		"without the right": {func(c *client, _ string) { c.sendFrame("SEND", "destination:/queue/z") }, nil},
		"on DISCONNECT":     {func(c *client, _ string) { c.done("DISCONNECT") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := invite(t, "ann x consume", "ann y consume")
			one, queues := 1, []string{"x", "y"}
			c, root := g.as(t, "ann"), g.as(t, "root")
			for _, q := range slices.Backward(queues) {
				if _, err := g.Bus.ConfigureQueue(t.Context(), q, bus.DefaultQueue, bus.QueueSettings{Attempts: &one}); err != nil {
					t.Fatal(err)
				}
				c.done("SUBSCRIBE", "id:"+q, "destination:/queue/"+q, "ack:client-individual")
			}
			var x string
			for _, q := range queues {
				root.done("SEND", "destination:/queue/"+q)
				if f := c.next(); q == "x" {
					x = "id:" + header(f, "ack")
				}
			}
			test.end(c, x)
			var dead []string
			for _, q := range queues {
				if name == "after ACK" && q == "x" {
					continue
				}
				next := g.as(t, "root") // is given what came back, or what became of it
				next.sendFrame("SUBSCRIBE", "id:alive", "destination:/queue/"+q, "ack:client")
				next.sendFrame("SUBSCRIBE", "id:dead", "destination:/queue/"+q+".dead")
				if f := next.next(); f.Command != stomp.MESSAGE {
					t.Fatalf("got %s", show(f))
				} else if header(f, "subscription") == "dead" {
					dead = append(dead, q)
				}
			}
			if !slices.Equal(dead, test.dead) {
				t.Errorf("dead letters of %q, want of %q", dead, test.dead)
			}
		})
	}
}

// begin acknowledges x in a transaction that it leaves open.
func (c *client) begin(x string) {
	c.done("BEGIN", "transaction:t")
	c.done("ACK", x, "transaction:t")
}

// slowFetch is a store that looks up entries once it is let.
type slowFetch struct {
	*bustest.Memory
	let chan struct{}
}

func (s *slowFetch) Fetch(ctx context.Context, ids []int64) ([]*bus.Entry, error) {
	<-s.let
	return s.Memory.Fetch(ctx, ids)
}

func TestUNSUBSCRIBECountsNoAttemptForWhatWasNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowFetch{new(bustest.Memory), make(chan struct{})}
		s := new(stompgw.Server)
		nc, _, end := pipeTo(t, s, store)
		defer end()
		other, err := bus.Open(context.Background(), store.Memory, nil, bus.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		c := newClient(t, nc)
		c.send("CONNECT\naccept-version:1.2\n\n\x00")
		c.next()
		c.done("SUBSCRIBE", "id:1", "destination:/queue/x", "ack:client")
		e, err := feeds.ComposeMessage("", &feeds.Message{Body: []byte("elsewhere")})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Do(t.Context(), &bus.Transaction{Posts: []bus.Post{{Feed: "x", Queue: bus.DefaultQueue, Entry: e}}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it was taken, and is being looked up
		c.sendFrame("UNSUBSCRIBE", "id:1")
		synctest.Wait()
		close(store.let)
		c.sendFrame("SUBSCRIBE", "id:2", "destination:/queue/x", "ack:client")
		if f := c.next(); header(f, "subscription") != "2" || header(f, "attempts") != "" {
			t.Errorf("got %s", show(f))
		}
	})
}
