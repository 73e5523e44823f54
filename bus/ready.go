package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// readyFor is how long an answer of the store holds: however many ask, it makes one write in that time.
const readyFor = time.Second

// refusedFor is how long a store counts as not ready that refused a commit, unless it took another
// since: where a disk is full, the few bytes of the readiness write may find room that no entry finds.
const refusedFor = 10 * time.Second

// readiness asks the store whether it takes writes, one question at a time.
type readiness struct {
	mu      sync.Mutex
	last    *question
	closed  bool
	running sync.WaitGroup
	refused atomic.Pointer[refusal] // nil unless the store refused the last commit
}

// refusal is why the store refused a commit, and when.
type refusal struct {
	err error
	at  time.Time
}

// committed notes what became of a commit.
func (r *readiness) committed(err error) {
	switch {
	case err != nil && isStorageFault(err):
		r.refused.Store(&refusal{err, time.Now()})
	case err == nil && r.refused.Load() != nil:
		r.refused.Store(nil)
	}
}

// isStorageFault reports whether err says that the store cannot write at all.
func isStorageFault(err error) bool {
	return errors.Is(err, ErrFull) || errors.Is(err, ErrReadOnly) || errors.Is(err, ErrUnavailable)
}

// question is one that was put to the store. done is closed once err and at are its answer.
type question struct {
	done chan struct{}
	err  error
	at   time.Time
}

// Ready reports whether the store takes writes: ErrUnavailable when it has not answered by the end
// of ctx, ErrClosed, and the store's errors, those of a commit that failed of late among them. An
// answer may be a second old.
func (b *Bus) Ready(ctx context.Context) error {
	q := b.readiness.ask(b.store)
	if q == nil {
		return ErrClosed
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		return fmt.Errorf("ready: %w: it has not answered yet", ErrUnavailable)
	}
	if q.err != nil {
		return fmt.Errorf("ready: %w", q.err)
	}
	if last := b.readiness.refused.Load(); last != nil && time.Since(last.at) < refusedFor {
		return fmt.Errorf("ready: the last commit failed: %w", last.err)
	}
	return nil
}

// ask returns the question under way, or the last one while its answer holds, or else a new one. It
// returns nil after close.
func (r *readiness) ask(store Health) *question {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	if r.last != nil && r.last.holds() {
		return r.last
	}
	q := &question{done: make(chan struct{})}
	r.last = q
	r.running.Go(func() {
		defer close(q.done)
		q.err = store.Ready(context.Background()) // it has many callers
		q.at = time.Now()
	})
	return q
}

// holds reports whether q is not answered yet, or was of late.
func (q *question) holds() bool {
	select {
	case <-q.done:
		return time.Since(q.at) < readyFor
	default:
		return true
	}
}

// close waits for the answer to the last question.
func (r *readiness) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.running.Wait()
}
