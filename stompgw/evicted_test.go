package stompgw_test

import (
	"errors"
	"fmt"
	"testing"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// TestAConsumerWhoseQueueHasNoRoomAnyMoreIsToldOnce has another node drop a queue, and fill its
// place.
func TestAConsumerWhoseQueueHasNoRoomAnyMoreIsToldOnce(t *testing.T) {
	for _, version := range []string{"1.0", "1.2"} {
		t.Run(version, func(t *testing.T) {
			g := start(t)
			other := openBus(t, g.path)
			c := g.connect(t, version)
			c.done("SUBSCRIBE", "id:q", "destination:/queue/x")
			c.done("SUBSCRIBE", "id:r", "destination:/queue/x") // of the same queue
			for i := range bus.MostQueues - 1 {
				if _, err := other.ConfigureQueue(t.Context(), "x", fmt.Sprint(i), bus.QueueSettings{}); err != nil {
					t.Fatal(err)
				}
			}
			for full := false; !full; {
				if err := other.DropQueue(t.Context(), bus.QueueName{Feed: "x", Name: bus.DefaultQueue}, 0, nil); err != nil {
					t.Fatal(err)
				}
				_, err := other.ConfigureQueue(t.Context(), "x", "more", bus.QueueSettings{})
				if full = err == nil; !full && !errors.Is(err, bus.ErrManyQueues) { // else the queue was made anew in between
					t.Fatal(err)
				}
			}
			f := c.next()
			want := `the queue behind "/queue/x" was removed, and its feed has as many queues as it may`
			if f.Command != stomp.ERROR || header(f, "message") != want {
				t.Errorf("got %s", show(f))
			}
			c.expectEnd()
		})
	}
}
