package bus

import (
	"context"
	"slices"
)

const (
	reviewBatch  = 1000   // queues that one question to the store names
	reviewAtOnce = 10_000 // queues that one look takes: where there are more, it goes on with the next ones
)

// review is how far a look at the queues that have consumers here has come.
type review struct{ left []*workQueue }

// review compares what this node knows of its queues with the store: another one may have set or dropped them.
func (b *Bus) review(ctx context.Context, r *review) {
	d := b.desk
	if len(r.left) == 0 {
		r.left = d.reviewed()
	}
	n := min(len(r.left), reviewAtOnce)
	for some := range slices.Chunk(r.left[:n], reviewBatch) {
		ids := d.idsOf(some)
		list, err := b.store.Known(ctx, slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return id == 0 }))
		if err != nil {
			b.complain(ctx, "looking at what others did to the queues failed; trying again", err)
			return
		}
		d.learn(some, ids, list)
	}
	r.left = r.left[n:]
}

// reviewed lists the queues that have consumers here.
func (d *desk) reviewed() []*workQueue {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(d.queues.all())
}

func (d *desk) idsOf(queues []*workQueue) []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := make([]int64, len(queues))
	for i, w := range queues {
		ids[i] = w.id
	}
	return ids
}

// learn takes over what the store knows of queues, which were asked for by ids. What it does not
// know was dropped: it begins anew for those who consume it.
func (d *desk) learn(queues []*workQueue, ids []int64, known []*Queue) {
	found := make(map[int64]*Queue, len(known))
	for _, q := range known {
		found[q.ID] = q
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, w := range queues {
		switch q := found[ids[i]]; {
		case w.id == 0 || w.id != ids[i] || w.consumers == 0: // it has changed since
		case q == nil:
			d.beginAnew(w)
		case !w.kind.Load().describes(q):
			w.kind.Store(d.kindOf(q))
		}
	}
}

// describes reports whether k has what a queue is set to.
func (k *queueKind) describes(q *Queue) bool {
	return k.ackTimeout == q.AckTimeout && k.attempts == boundAttempts(q.Attempts)
}
