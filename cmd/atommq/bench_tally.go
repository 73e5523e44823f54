package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// tallyPatience is how long whoever waits for a tally waits for it to change.
const tallyPatience = 30 * time.Second

// tally counts what several do, each on its own, for one who waits for them.
type tally struct {
	counts []atomic.Int64
	moved  chan struct{} // holds a token when a count has changed
}

func newTally(n int) *tally {
	return &tally{counts: make([]atomic.Int64, n), moved: make(chan struct{}, 1)}
}

// set says that the i-th has done n altogether.
func (t *tally) set(i int, n int64) {
	t.counts[i].Store(n)
	select {
	case t.moved <- struct{}{}:
	default:
	}
}

func (t *tally) sum() (sum int64) {
	for i := range t.counts {
		sum += t.counts[i].Load()
	}
	return sum
}

// least returns what the slowest has done.
func (t *tally) least() int64 {
	least := t.counts[0].Load()
	for i := range t.counts {
		least = min(least, t.counts[i].Load())
	}
	return least
}

// wait waits until count, a method of t, returns n or more.
func (t *tally) wait(ctx context.Context, count func() int64, n int64) error {
	patience := time.NewTimer(tallyPatience)
	defer patience.Stop()
	for {
		got := count()
		if got >= n {
			return nil
		}
		select {
		case <-t.moved:
			patience.Reset(tallyPatience)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-patience.C:
			return fmt.Errorf("only %d of %d messages came within %v", got, n, tallyPatience)
		}
	}
}
