package stompgw

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

func TestZeroIsTheBeginningOfWhatTheFeedsOfAPrefixKeep(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		var kept []string
		send := func(feed string, count int) (last int64) {
			for range count {
				body := fmt.Sprint("e", len(kept))
				kept = append(kept, body)
				last = n.send(feed, body)
			}
			return last
		}
		send("a/orders", 300)
		middle := send("a/orders", 300)
		for range 3 {
			n.send("a/logs", "gone")
		}
		gone := n.bus.Head()
		c, behind, windowed := n.client(stomp.V12), n.client(stomp.V12), n.client(stomp.V12)
		if _, err := n.bus.Prune(t.Context(), "a/logs", gone); err != nil {
			t.Fatal(err)
		}
		c.follow("1", "/topic/a*", from(0))
		windowed.follow("1", "/topic/a*", from(0), func(q *topicSubscription) { q.ack, q.window = ackIndividual, 400 })
		c.wantBodies(kept...)
		windowed.wantBodies(kept[:400]...)
		// All that was lost is above the newest message, and no gap when the follow lags again.
		for _, all := range []bool{true, false} {
			n.Changed([]string{"a/orders"}, all)
			send("a/orders", 1)
			c.wantBodies(kept[len(kept)-1])
		}
		// Who comes back with an id alone may have missed something.
		behind.follow("1", "/topic/a*", from(middle-300))
		_, err := behind.take()
		var gap *bus.GapError
		if !errors.As(err, &gap) || gap.Feed != "a/logs" {
			t.Fatalf("error %v", err)
		}
		f, _ := faultOf(err)
		if !strings.Contains(f.detail, "subscribe with Xlastid:"+gap.Cursor().String()+",") {
			t.Errorf("the advice is %q", f.detail)
		}
		again := n.client(stomp.V12)
		again.follow("1", "/topic/a*", from(gap.After), func(q *topicSubscription) { q.loss = gap.Loss })
		again.wantBodies(kept[300:]...)
		// What goes while it is on its way is told.
		if _, err := n.bus.Prune(t.Context(), "a/orders", middle); err != nil {
			t.Fatal(err)
		}
		windowed.settleAll(t)
		list, err := windowed.take()
		if errors.As(err, &gap) {
			return
		}
		if len(list) != len(kept)-400 || err != nil { // of the page that it had before, it has all
			t.Errorf("of what went since it began: %d messages, %v", len(list), err)
		}
	})
}

// settleAll acknowledges all that a client's only follow was given.
func (c *client) settleAll(t *testing.T) {
	t.Helper()
	s := c.ackedFollows()[0]
	c.mu.Lock()
	unacked := append([]int64(nil), s.lag.unacked...)
	c.mu.Unlock()
	for _, id := range unacked {
		if took, _ := c.settle(s, id); !took {
			t.Fatalf("%d is not out", id)
		}
	}
}
