package bus

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"
)

// desk hands out the work of the queues that have consumers on this node. It orders
// as many entries from the store as its consumers have credit for, in the commits that are
// made anyway: whatever a commit publishes, acks or releases, its last op
// claims. The committer calls orders, settle and handOut, everything else may come from any
// goroutine; nothing of it waits for the store with the lock held.
type desk struct {
	bus      *Bus
	store    Store
	entered  chan struct{} // closed once the node has joined
	wake     chan struct{} // holds a token when the keeper of deadlines is to look again
	buriable chan struct{} // holds a token when something was lost for the last time

	common queueKind // of queues that nobody has configured

	joining sync.Mutex // held while the node is entered
	looking sync.Mutex // held while mark is used
	mark    int64      // how far releases were looked at

	mu        sync.Mutex
	node      int64        // this node's number, 0 before the first consumer
	queues    queueTable   // those with consumers
	dirty     []*workQueue // that want an order in the next commit
	timers    deadlines
	recent    recent
	struckOut bool // others took this node for dead
	losses    losses
	freed     []*workQueue // those whose freed is above 0
	consumers int
	free      []*order
}

func newDesk(b *Bus) *desk {
	d := &desk{
		bus: b, store: b.store, queues: newQueueTable(),
		entered: make(chan struct{}), wake: make(chan struct{}, 1), buriable: make(chan struct{}, 1),
	}
	d.recent.limit = b.config.CacheBytes / recentPart
	d.common = queueKind{d, DefaultQueue, DefaultAckTimeout, DefaultAttempts}
	return d
}

// join enters this node in the store, once, and takes over the claims of nodes that died.
func (d *desk) join(ctx context.Context) error {
	d.joining.Lock()
	defer d.joining.Unlock()
	if d.joined() {
		return nil
	}
	_, mark, err := d.store.Stirred(ctx, -1, 1)
	if err != nil {
		return fmt.Errorf("join the queues: %w", err)
	}
	// Before anything is claimed: it comes first.
	if _, err := d.store.Recover(ctx); err != nil {
		return fmt.Errorf("take over the claims of nodes that are gone: %w", err)
	}
	node, err := d.store.Join(ctx)
	if err != nil {
		return fmt.Errorf("join the queues: %w", err)
	}
	d.looking.Lock()
	d.mark = mark
	d.looking.Unlock()
	d.mu.Lock()
	d.node = node
	d.mu.Unlock()
	close(d.entered)
	return nil
}

// number returns this node's number, 0 before it has joined.
func (d *desk) number() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.node
}

func (d *desk) joined() bool { return d.number() != 0 }

// part gives what this node still has back to the queues. The committer has ended by then.
func (d *desk) part() error {
	d.mu.Lock()
	node := d.node
	d.node = 0
	d.mu.Unlock()
	if node == 0 {
		return nil
	}
	if err := d.store.Leave(context.Background(), node); err != nil {
		return fmt.Errorf("leave the queues: %w", err)
	}
	return nil
}

// find returns a queue that has consumers here. Callers hold d.mu.
func (d *desk) find(feed, name string) *workQueue {
	for w := d.queues.of(feed); w != nil; w = w.sibling() {
		if w.kind.Load().name == name {
			return w
		}
	}
	return nil
}

// enter adds a consumer to the queue of feed that q describes. feed is a string that the caller
// keeps anyway. It reports whether something may wait for the consumer: not where others have been
// handed all there was.
func (d *desk) enter(c *Consumer, feed string, q *Queue) (due bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.find(q.Feed, q.Name)
	if w == nil {
		w = &workQueue{feed: feed}
		d.queues.add(w)
	}
	w.more = w.more || w.id != q.ID
	w.id = q.ID
	w.kind.Store(d.kindOf(q))
	c.queue = w
	w.add(c)
	d.consumers++
	if w.more {
		d.want(w)
	}
	return w.more
}

// add puts c into the ring.
func (w *workQueue) add(c *Consumer) {
	w.consumers++
	w.credit += int64(c.credit)
	if w.turn == nil {
		c.next, c.prev, w.turn = c, c, c
		return
	}
	c.prev, c.next = w.turn.prev, w.turn
	c.prev.next, c.next.prev = c, c
}

func (w *workQueue) remove(c *Consumer) {
	w.consumers--
	w.credit -= int64(c.credit)
	if w.consumers == 0 {
		w.turn = nil
		return
	}
	c.prev.next, c.next.prev = c.next, c.prev
	if w.turn == c {
		w.turn = c.next
	}
}

// leave takes c out, and what it held from it. Where it broke off, it is blamed on one of them.
func (d *desk) leave(c *Consumer, blamed *Delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := c.queue
	if c.closed {
		return
	}
	c.closed, c.untaken, c.late = true, nil, nil
	w.remove(c)
	d.consumers--
	if w.consumers == 0 {
		d.queues.remove(w)
	}
	for e := c.held.first; e != nil; {
		following := e.next
		if e.state == deliveryHeld {
			cause := ""
			if e == blamed {
				cause = causeGone
			}
			d.giveUp(e, cause)
		}
		e = following
	}
	d.stir(w)
}

// rejoinSoon has the keeper enter this node anew: the store does not know node, under which it
// acted. Callers hold d.mu.
func (d *desk) rejoinSoon(node int64) {
	if node == d.node {
		d.struckOut = true
		d.signal()
	}
}

// lose takes a delivery from its consumer. Callers hold d.mu.
func (d *desk) lose(e *Delivery) {
	e.state = deliveryGone
	e.consumer.held.remove(e)
	d.stopTimer(e)
}

// queueOf returns the queue of a delivery if it still has consumers here. Callers hold d.mu.
func (d *desk) queueOf(e *Delivery) *workQueue {
	for w := d.queues.of(e.Feed); w != nil; w = w.sibling() {
		if w.id == e.Queue {
			return w
		}
	}
	return nil
}

// credit lets c have one more delivery. Callers hold d.mu.
func (d *desk) credit(c *Consumer) {
	w := c.queue
	if c.closed {
		return
	}
	c.credit++
	w.credit++
	if w.more {
		d.want(w)
	}
}

// startTimers starts the ack timeouts of deliveries, and reports whether one ends before all
// others. Callers hold d.mu.
func (d *desk) startTimers(ds []*Delivery) (sooner bool) {
	now := time.Now()
	for _, e := range ds {
		e.taken = true
		if e.consumer.closed || e.state != deliveryHeld {
			continue
		}
		if limit := e.timeout(e.consumer, e.consumer.queue); limit > 0 {
			sooner = d.setTimer(e, now.Add(limit)) || sooner
		} else {
			d.stopTimer(e) // the queue had a timeout when it was handed out
		}
	}
	return sooner
}

// setTimer has e taken from its consumer at a time, and reports whether that comes before all
// others. Callers hold d.mu.
func (d *desk) setTimer(e *Delivery, at time.Time) (first bool) {
	e.deadline = at.UnixMicro()
	if e.timer > 0 {
		heap.Fix(&d.timers, int(e.timer-1))
	} else {
		heap.Push(&d.timers, e)
	}
	return d.timers[0] == e
}

// stopTimer takes e out of the deadlines. Callers hold d.mu.
func (d *desk) stopTimer(e *Delivery) {
	if e.timer > 0 {
		heap.Remove(&d.timers, int(e.timer-1))
	}
}

func (d *desk) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
