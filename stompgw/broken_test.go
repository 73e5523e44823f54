package stompgw_test

import (
	"slices"
	"testing"

	"atommq/bus"
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
