package bus

import (
	"context"
	"fmt"
	"time"
)

// Census counts what there is, and tells since when.
type Census interface {
	// Made returns when the store was made, to the second. It never changes.
	Made(ctx context.Context) (time.Time, error)

	// Totals counts everything. It reads each feed's and each queue's account, but no entry.
	Totals(ctx context.Context) (Totals, error)

	// Longest returns at most limit queues, those that most waits in first; of equal ones, the
	// first in bytewise order of feed and name. Queues that nothing waits in are left out. It reads
	// each queue's account.
	Longest(ctx context.Context, limit int) ([]*Queue, error)
}

// Totals is how much there is.
type Totals struct {
	Feeds   int64
	Entries int64 // tombstones left out
	Bytes   int64 // of the entries' XML
	Queues  int64
	Waiting int64 // in all queues, what consumers have now included
}

// QueueFigures is a queue, and how it stands with its work.
type QueueFigures struct {
	*Queue
	Backlog
}

// Made returns when the store was made: the same for every process, and for ever.
func (b *Bus) Made(ctx context.Context) (time.Time, error) {
	if made := b.made.Load(); made != nil {
		return *made, nil
	}
	made, err := b.store.Made(ctx)
	if err != nil {
		return made, fmt.Errorf("find out when the store was made: %w", err)
	}
	b.made.Store(&made)
	return made, nil
}

// Census counts what there is, and describes the limit longest queues, those first that most waits
// in. It costs a look at every feed and queue, and at the work of those that it describes.
func (b *Bus) Census(ctx context.Context, limit int) (Totals, []QueueFigures, error) {
	sum, err := b.store.Totals(ctx)
	if err != nil {
		return sum, nil, fmt.Errorf("count what there is: %w", err)
	}
	if limit <= 0 {
		return sum, nil, nil
	}
	queues, err := b.store.Longest(ctx, limit)
	if err != nil {
		return sum, nil, fmt.Errorf("find the longest queues: %w", err)
	}
	list := make([]QueueFigures, len(queues))
	for i, q := range queues {
		list[i].Queue = q
		if list[i].Backlog, err = b.store.Backlog(ctx, q.ID); err != nil {
			return sum, nil, fmt.Errorf("look at queue %q of %q: %w", q.Name, q.Feed, err)
		}
	}
	return sum, list, nil
}
