package bus

import (
	"context"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"
)

// queue holds the ops that wait for the committer. It is bounded in bytes: a
// publisher that finds it full waits, so a producer faster than the disk is slowed
// and not buffered.
type queue struct {
	room     *semaphore.Weighted // in bytes
	capacity int64
	batch    int // postings in one take

	mu      sync.Mutex
	waiting []*ticket
	closed  bool
	wake    chan struct{} // holds a token when waiting or closed has changed
}

// ticket is one op and the caller that waits for it.
type ticket struct {
	op   Op
	size int64
	done chan error // holds one
}

// ticketOverhead stands for what an entry takes beside its XML while it waits.
const ticketOverhead = 512

func newQueue(capacity, batch int) *queue {
	return &queue{
		room:     semaphore.NewWeighted(int64(capacity)),
		capacity: int64(capacity),
		batch:    batch,
		wake:     make(chan struct{}, 1),
	}
}

// put queues t, waiting for room. ErrTooLarge when t never fits, ErrClosed after close.
func (q *queue) put(ctx context.Context, t *ticket) error {
	for i := range t.op.Posts {
		t.size += int64(len(t.op.Posts[i].Entry.XML)) + ticketOverhead
	}
	if t.size > q.capacity || len(t.op.Posts) > q.batch {
		return ErrTooLarge
	}
	if err := q.room.Acquire(ctx, t.size); err != nil {
		return context.Cause(ctx)
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		q.room.Release(t.size)
		return ErrClosed
	}
	q.waiting = append(q.waiting, t)
	q.mu.Unlock()
	q.signal()
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// wait waits until there is something to take. It reports false once the queue is closed
// and empty.
func (q *queue) wait() bool {
	for {
		q.mu.Lock()
		n, closed := len(q.waiting), q.closed
		q.mu.Unlock()
		if n > 0 || closed {
			return n > 0
		}
		<-q.wake
	}
}

// take appends to batch what waits, in the order of put, as far as it has room for so
// many postings, and returns the room left.
func (q *queue) take(batch []*ticket, room int) ([]*ticket, int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.waiting) && len(q.waiting[n].op.Posts) <= room {
		room -= len(q.waiting[n].op.Posts)
		n++
	}
	batch = append(batch, q.waiting[:n]...)
	rest := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	return batch, room
}

// patience is how many passes of the scheduler may bring nobody before a batch is
// closed: enough for another processor to wake up and run its share. With a
// twentieth of it, batches of 64 callers were far from full.
const patience = 200

// gather lets callers publish that are ready to, until one waits. Those that the
// last commit answered are runnable now; a committer that is quicker than they
// are would take half of them, then the other half, and pay for two syncs of
// the disk. It waits for no time: it yields, and gives up when that brings nobody.
func (q *queue) gather() {
	for idle := 0; idle < patience && q.length() == 0; idle++ {
		runtime.Gosched()
	}
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// answer releases t's room and tells its caller.
func (q *queue) answer(t *ticket, err error) {
	q.room.Release(t.size)
	t.done <- err
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}
