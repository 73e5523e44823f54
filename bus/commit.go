package bus

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// commit queues t and waits for its outcome. When ctx ends first, t may still be
// committed: the error then does not say.
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
// transaction, answers, and announces. There is no timer: an idle bus commits
// at once, a busy one in batches as large as what came in meanwhile.
func (b *Bus) commitLoop() {
	m := batch{queue: b.queue}
	for m.start() {
		b.commitBatch(&m)
	}
}

// commitBatch commits m. The hub learns of the entries before their publishers
// do, so that a publisher that reads next finds what it wrote; the followers
// are woken after, so that no publisher waits for them.
func (b *Bus) commitBatch(m *batch) {
	// A commit is never abandoned half-way: it has many callers.
	ctx := context.Background()
	err := b.store.Commit(ctx, m.pieces)
	if err != nil {
		b.config.Log.Error("commit failed", "ops", len(m.ops), "error", err)
		err = fmt.Errorf("commit: %w", err)
	}
	var wakes []chan struct{}
	if err == nil {
		wakes = b.hub.apply(ctx, m.ops)
	}
	for _, t := range m.tickets {
		b.queue.answer(t, cmp.Or(err, t.op.Err))
	}
	wake(wakes)
}

// batch is what the committer commits as one: its memory serves again and again.
type batch struct {
	queue   *queue
	at      time.Time
	callers int // that there were when it began
	room    int // for so many more postings
	tickets []*ticket
	ops     []*Op // theirs
}

// start waits for the first op of the next batch. It reports false when there will be none.
func (m *batch) start() bool {
	m.callers = m.queue.length() + len(m.tickets)
	clear(m.tickets)
	clear(m.ops)
	m.tickets, m.ops, m.room = m.tickets[:0], m.ops[:0], m.queue.batch
	if !m.queue.wait() {
		return false
	}
	m.at = later(m.at, time.Now().UTC().Truncate(time.Microsecond))
	m.take()
	return true
}

func (m *batch) take() {
	m.tickets, m.room = m.queue.take(m.tickets, m.room)
	for _, t := range m.tickets[len(m.ops):] {
		t.op.At = m.at
		m.ops = append(m.ops, &t.op)
	}
}

// pieces hands the ops to the store. While it writes one piece, callers that the
// last commit answered come back on the other processors; they make the next,
// and share the sync of the disk.
func (m *batch) pieces(yield func([]*Op) bool) {
	for done := 0; done < len(m.ops) && yield(m.ops[done:]); {
		done = len(m.ops)
		if done < m.callers && m.room > 0 {
			m.queue.gather()
		}
		m.take()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
