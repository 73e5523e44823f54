package bus

import (
	"hash/maphash"
	"iter"
	"math"
	"sync/atomic"
	"time"
)

// workQueue is a queue with consumers on this node. There may be a million: it is small.
type workQueue struct {
	id        int64 // 0 once the store has it no more
	feed      string
	kind      atomic.Pointer[queueKind]
	next      *workQueue // in the table
	turn      *Consumer  // that is handed something next, in the ring of consumers
	credit    int64      // the sum of the consumers'
	consumers int32
	freed     int16 // what the commit under way will add to credit, if all goes well
	more      bool  // something may wait beyond what was ordered
	dirty     bool  // it is in the desk's list
}

// queueKind is what most queues have in common.
type queueKind struct {
	desk       *desk
	name       string
	ackTimeout time.Duration
	attempts   int
}

// kindOf returns the kind of q, which is the desk's common one for nearly all.
func (d *desk) kindOf(q *Queue) *queueKind {
	k := queueKind{d, q.Name, q.AckTimeout, boundAttempts(q.Attempts)}
	if k == d.common {
		return &d.common
	}
	return &k
}

func boundAttempts(n int) int { return min(n, math.MaxInt32) }

// desk may be asked for without its lock, which kinds may change under.
func (w *workQueue) desk() *desk { return w.kind.Load().desk }

// queueTable finds queues by their feed. It keys them by hash: that is smaller than the names.
type queueTable struct {
	seed   maphash.Seed
	chains map[uint64]*workQueue
}

func newQueueTable() queueTable {
	return queueTable{seed: maphash.MakeSeed(), chains: make(map[uint64]*workQueue)}
}

// of returns the first queue of a feed; sibling the others.
func (t *queueTable) of(feed string) *workQueue {
	return t.chains[maphash.String(t.seed, feed)].from(feed)
}

func (w *workQueue) sibling() *workQueue { return w.next.from(w.feed) }

// from returns the first queue of a feed in the chain that begins with w.
func (w *workQueue) from(feed string) *workQueue {
	for w != nil && w.feed != feed {
		w = w.next
	}
	return w
}

func (t *queueTable) add(w *workQueue) {
	key := maphash.String(t.seed, w.feed)
	w.next = t.chains[key]
	t.chains[key] = w
}

func (t *queueTable) remove(w *workQueue) {
	key := maphash.String(t.seed, w.feed)
	first := t.chains[key]
	switch {
	case first != w:
		for first.next != w {
			first = first.next
		}
		first.next = w.next
	case w.next == nil:
		delete(t.chains, key)
	default:
		t.chains[key] = w.next
	}
}

// all walks over every queue.
func (t *queueTable) all() iter.Seq[*workQueue] {
	return func(yield func(*workQueue) bool) {
		for _, w := range t.chains {
			for ; w != nil; w = w.next {
				if !yield(w) {
					return
				}
			}
		}
	}
}
