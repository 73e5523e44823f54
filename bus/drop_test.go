package bus_test

import (
	"context"
	"errors"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
)

// counting is a store that has something done once a queue was counted.
type counting struct {
	*bustest.Memory
	then func()
}

func (c *counting) Queue(ctx context.Context, feed, name string) (*bus.Queue, error) {
	q, err := c.Memory.Queue(ctx, feed, name)
	if then := c.then; then != nil {
		c.then = nil
		then()
	}
	return q, err
}

// queueUp publishes n entries through the queue of x.
func queueUp(t *testing.T, b *bus.Bus, n int) {
	t.Helper()
	for range n {
		publish(t, b, queued("counted"))
	}
}

func TestADropTakesNothingThatCameAfterItWasCounted(t *testing.T) {
	for _, n := range []int{1, 1500} {
		store := &counting{Memory: new(bustest.Memory)}
		b := open(t, store, nil, bus.Config{})
		queueUp(t, b, n)
		store.then = func() { publish(t, b, queued("late")) }
		if err := b.DropQueue(t.Context(), workQueue, int64(n), nil); !errors.Is(err, bus.ErrCount) {
			t.Errorf("DropQueue: %v, want ErrCount", err)
		}
		q, err := b.Queue(t.Context(), "x", bus.DefaultQueue)
		if err != nil || q.Waiting != int64(n)+1 {
			t.Errorf("%+v, %v; want the queue with %d", q, err, n+1)
		}
	}
}

func TestADropInSeveralPartsLeavesWhatCameMeanwhile(t *testing.T) {
	store := new(bustest.Memory)
	b, elsewhere := open(t, store, nil, bus.Config{}), open(t, store, nil, bus.Config{})
	const many = 1500
	queueUp(t, b, many)
	parts := 0
	store.BeforeCommit = func(ops []*bus.Op) error {
		if ops[0].Kind == bus.OpPurge {
			parts++
		}
		if parts == 2 { // the first has gone
			parts++
			first := queued("late, but ahead of the others")
			first.Priority = bus.PriorityOf(9)
			publish(t, elsewhere, first, queued("late"))
		}
		return nil
	}
	if err := b.DropQueue(t.Context(), workQueue, many, nil); err != nil || parts != 3 {
		t.Fatalf("DropQueue: %v, in %d parts", err, parts)
	}
	wantBrowsed(t, b, workQueue, "late, but ahead of the others", "late")
	wantTitles(t, b, bus.Query{Feed: "x"}, "late, but ahead of the others", "late")
}
