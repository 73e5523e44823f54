package bus

import (
	"context"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"
)

// intake holds the ops that wait for the committer. It is bounded in bytes: a
// publisher that finds it full waits, so a producer faster than the disk is slowed
// and not buffered.
type intake struct {
	room     *semaphore.Weighted // in bytes
	capacity int64
	batch    int // postings and settlements in one take

	mu      sync.Mutex
	waiting []*ticket
	called  bool // for a commit although nothing is waiting: there is work to claim
	closed  bool
	wake    chan struct{} // holds a token when one of the above has changed
}

// ticket is one op and the one who wants to know its outcome.
type ticket struct {
	op   Op
	size int64 // of the room it takes
	// settles holds the deliveries that op.Settle is about, in its order.
	settles []*Delivery
	letters []*letter // the dead letters among op.Posts
	owner   owner
}

// owner is told what became of its ticket, by the committer. It must not block.
type owner interface {
	decided(err error)
}

// ticketOverhead stands for what an entry takes beside its XML while it waits.
const ticketOverhead = 512

// settlementSize stands for what a settlement takes while it waits.
const settlementSize = 256

func newIntake(capacity, batch int) *intake {
	return &intake{
		room:     semaphore.NewWeighted(int64(capacity)),
		capacity: int64(capacity),
		batch:    batch,
		wake:     make(chan struct{}, 1),
	}
}

// weigh measures t: ErrTooLarge when it never fits.
func (q *intake) weigh(t *ticket) error {
	t.size = int64(len(t.op.Settle)) * settlementSize
	for i := range t.op.Posts {
		t.size += int64(len(t.op.Posts[i].Entry.XML)) + ticketOverhead
	}
	if t.size > q.capacity || t.weight() > q.batch {
		return ErrTooLarge
	}
	return nil
}

// weight is what t takes of a batch.
func (t *ticket) weight() int { return max(1, len(t.op.Posts)+len(t.op.Settle)) }

// put queues t, which has been weighed, waiting for room, and wakes nobody. ErrClosed after close.
func (q *intake) put(ctx context.Context, t *ticket) error {
	if !q.room.TryAcquire(t.size) {
		q.signal() // what takes the room may be the caller's own, of which nobody knows yet
		if err := q.room.Acquire(ctx, t.size); err != nil {
			return context.Cause(ctx)
		}
	}
	return q.append(t)
}

// append queues tickets that have their room.
func (q *intake) append(ts ...*ticket) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		for _, t := range ts {
			q.room.Release(t.size)
		}
		return ErrClosed
	}
	q.waiting = append(q.waiting, ts...)
	return nil
}

// call has the committer look for work to claim.
func (q *intake) call() {
	q.mu.Lock()
	q.called = true
	q.mu.Unlock()
	q.signal()
}

func (q *intake) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// wait waits until there is something to do. It reports false once the intake is closed
// and empty.
func (q *intake) wait() bool {
	for {
		q.mu.Lock()
		due, closed := len(q.waiting) > 0 || q.called, q.closed
		q.mu.Unlock()
		if due || closed {
			return due
		}
		<-q.wake
	}
}

// take appends to batch what waits, in the order of put, as far as it has room for so
// many postings and settlements, and returns the room left. An empty batch takes one in any case.
func (q *intake) take(batch []*ticket, room int) ([]*ticket, int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.called = false
	n := 0
	for n < len(q.waiting) && (q.waiting[n].weight() <= room || len(batch)+n == 0) {
		room -= q.waiting[n].weight()
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
func (q *intake) gather() {
	for idle := 0; idle < patience && q.length() == 0; idle++ {
		runtime.Gosched()
	}
}

func (q *intake) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

func (q *intake) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}
