package stompgw_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

// hold has a client hold n messages of /queue/x by one subscription, of which those before late
// were taken from it again when their ack timeout had passed. It returns the last one.
func (g *gateway) hold(t *testing.T, c *client, n, late int) *stomp.Frame {
	t.Helper()
	for i := range n {
		lines := []string{"SEND", "destination:/queue/x", fmt.Sprint("n:", i+1)}
		if i < late {
			lines = append(lines, "ack-timeout:0.5")
		}
		c.sendFrame(lines...)
	}
	c.done("SEND", "destination:/queue/other")
	c.done("SUBSCRIBE", "id:s", "destination:/queue/x", "ack:client", fmt.Sprint("prefetch:", n))
	var last *stomp.Frame
	for i := range n {
		if last = c.next(); header(last, "n") != fmt.Sprint(i+1) {
			t.Fatalf("got %s", show(last))
		}
	}
	ack := header(last, "ack")
	for range late { // they come again
		if f := c.next(); header(f, "redelivered") != "true" {
			t.Fatalf("got %s", show(f))
		}
	}
	return &stomp.Frame{Fields: []stomp.Field{{Name: []byte("ack"), Value: []byte(ack)}}}
}

// TestACumulativeAckSettlesWhatIsHeldWhetherOrNotItHasAReceipt has the claims of the first of five
// messages lost.
func TestACumulativeAckSettlesWhatIsHeldWhetherOrNotItHasAReceipt(t *testing.T) {
	for _, command := range []string{"ACK", "NACK"} {
		for _, receipt := range []bool{false, true} {
			t.Run(fmt.Sprint(command, receipt), func(t *testing.T) {
				g := start(t)
				c := g.connect(t, "1.2")
				last := g.hold(t, c, 5, 2)
				if receipt {
					c.wantERROR(command+"|id:"+header(last, "ack"), "of 5 messages, these were no longer held, by message-id: 1, 2.\nthe others are ")
					c.expectEnd()
				} else {
					c.sendFrame(command, "id:"+header(last, "ack"))
					c.nc.Close()
				}
				g.eventually(t, func(s *stompgw.Stats) bool { return s.Connections == 0 })
				want := map[string]string{"ACK": "1 2", "NACK": "1 2 3 4 5"}[command]
				if got := g.redelivered(t); got != want {
					t.Errorf("then the queue gives %s, want %s", got, want)
				}
			})
		}
	}
}

// redelivered lists what /queue/x gives, each once.
func (g *gateway) redelivered(t *testing.T) string {
	t.Helper()
	c := g.connect(t, "1.2")
	c.done("SEND", "destination:/queue/x", "n:end", "priority:0")
	c.done("SUBSCRIBE", "id:s", "destination:/queue/x", "ack:client")
	var list []string
	for f := c.next(); header(f, "n") != "end"; f = c.next() {
		if n := header(f, "n"); !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return strings.Join(list, " ")
}

// TestACumulativeAckOfMoreThanACommitTakesIsOneToItsClient is of more than one operation, in which
// the claims of some are lost.
func TestACumulativeAckOfMoreThanACommitTakesIsOneToItsClient(t *testing.T) {
	for _, late := range []int{0, 30} {
		g := start(t)
		c := g.connect(t, "1.2")
		last := g.hold(t, c, 2100, late)
		if late == 0 {
			c.done("ACK", "id:"+header(last, "ack"))
			continue
		}
		c.wantERROR("ACK|id:"+header(last, "ack"), "of 2100 messages, these were no longer held, by message-id: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, and 10 more.")
		g.eventually(t, func(s *stompgw.Stats) bool { return s.Connections == 0 })
		if got := len(strings.Fields(g.redelivered(t))); got != late {
			t.Errorf("%d messages come again, want %d", got, late)
		}
	}
}
