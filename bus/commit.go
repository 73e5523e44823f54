package bus

import (
	"context"
	"fmt"
	"time"
)

// commit hands op to the committer and waits for the outcome. When ctx ends
// first, the op may still be committed: the error then does not say.
func (b *Bus) commit(ctx context.Context, t *ticket) error {
	t.done = make(chan error, 1)
	if err := b.queue.put(ctx, t); err != nil {
		return err
	}
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// commitLoop is the committer: it takes what is waiting, commits it as one
// transaction, answers, and announces. There is no timer: an idle bus commits at once, a
// busy one in batches as large as what came in during the commit before.
func (b *Bus) commitLoop() {
	var (
		batch []*ticket
		ops   []*Op
		last  time.Time
	)
	for {
		batch = b.queue.take(batch)
		if len(batch) == 0 {
			return
		}
		last = later(last, time.Now().UTC().Truncate(time.Microsecond))
		ops = ops[:0]
		for _, t := range batch {
			t.op.At = last
			ops = append(ops, &t.op)
		}
		b.commitBatch(batch, ops)
		clear(ops)
	}
}

// commitBatch commits ops, the ops of batch. The hub learns of the entries before their publishers do, so that a
// publisher that reads next finds what it wrote; the followers are woken after, so
// that no publisher waits for them.
func (b *Bus) commitBatch(batch []*ticket, ops []*Op) {
	// A commit is never abandoned half-way: it has many callers.
	err := b.store.Commit(context.Background(), ops)
	if err != nil {
		b.config.Log.Error("commit failed", "ops", len(ops), "error", err)
		err = fmt.Errorf("commit: %w", err)
	}
	var wakes []chan struct{}
	if err == nil {
		wakes = b.hub.apply(context.Background(), ops)
	}
	for _, t := range batch {
		if err != nil {
			b.queue.answer(t, err)
		} else {
			b.queue.answer(t, t.op.Err)
		}
	}
	wake(wakes)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
