package bus

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// desk hands out the work of the queues that have consumers on this node. It orders
// as many entries from the store as its consumers have credit for, in the commits that are
// made anyway: whatever a commit publishes, acks or releases, its last op
// claims. The committer calls orders and conclude, everything else may come from any
// goroutine; nothing of it waits for the store with the lock held.
type desk struct {
	bus     *Bus
	store   Store
	entered chan struct{} // closed once the node has joined
	wake    chan struct{} // holds a token when the keeper of deadlines is to look again

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
	free      []*order
}

// order is a claim op and the queue it is for.
type order struct {
	op    Op
	queue *workQueue
}

const (
	orderLimit  = 1000 // bounds what one order claims, and
	ordersLimit = 256  // the orders in one commit, so that none is long
)

func newDesk(b *Bus) *desk {
	d := &desk{bus: b, store: b.store, entered: make(chan struct{}), wake: make(chan struct{}, 1), queues: newQueueTable()}
	d.common = queueKind{d, DefaultQueue, DefaultAckTimeout, DefaultAttempts}
	return d
}

// join enters this node in the store, once, and takes over the claims of nodes that died.
func (d *desk) join(ctx context.Context) error {
	d.joining.Lock()
	defer d.joining.Unlock()
	d.mu.Lock()
	node := d.node
	d.mu.Unlock()
	if node != 0 {
		return nil
	}
	node, err := d.store.Join(ctx)
	if err != nil {
		return fmt.Errorf("join the queues: %w", err)
	}
	_, mark, err := d.store.Stirred(ctx, -1, 1)
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
	if _, err := d.store.Recover(ctx); err != nil {
		return fmt.Errorf("take over the claims of nodes that are gone: %w", err)
	}
	return nil
}

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

// enter adds a consumer to the queue of feed that q describes. feed is a string that the caller keeps anyway.
func (d *desk) enter(c *Consumer, feed string, q *Queue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.find(q.Feed, q.Name)
	if w == nil {
		w = &workQueue{feed: feed}
		d.queues.add(w)
	}
	w.id = q.ID
	w.kind.Store(d.kindOf(q))
	c.queue = w
	w.add(c)
	d.stir(w)
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

// leave takes c out, and what it held from it. Where it broke off, it is blamed on the first that it took.
func (d *desk) leave(c *Consumer, broken bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := c.queue
	if c.closed {
		return
	}
	c.closed, c.untaken = true, nil
	w.remove(c)
	if w.consumers == 0 {
		d.queues.remove(w)
	}
	for e := c.held.first; e != nil; {
		following := e.next
		if e.state == deliveryHeld {
			cause := ""
			if broken && e.taken {
				cause, broken = causeGone, false
			}
			d.giveUp(e, cause)
		}
		e = following
	}
	d.stir(w)
}

// rejoinSoon has the keeper enter this node anew: the store does not know node, under which it acted. Callers hold d.mu.
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

// want has an order made for w in the next commit, if there is anything to want. Callers hold d.mu.
func (d *desk) want(w *workQueue) {
	if !w.dirty && w.room() > 0 && w.consumers > 0 {
		w.dirty = true
		d.dirty = append(d.dirty, w)
	}
}

// due reports whether some queue wants an order.
func (d *desk) due() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.dirty) > 0
}

// orders lists the claims that a commit ends with: for the queues that something may
// wait in, and those that the commit brings something to.
func (d *desk) orders(m *batch) []*order {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.anticipate(m)
	list := m.orders
	n := 0
	for ; n < len(d.dirty) && len(list) < ordersLimit; n++ {
		w := d.dirty[n]
		w.dirty = false
		switch {
		case d.losses.underway[w.id] > 0:
			w.more = true // the commit that releases them claims
		case w.id != 0 && w.room() > 0 && w.consumers > 0:
			list = append(list, d.newOrder(w))
		}
	}
	d.dirty = slices.Delete(d.dirty, 0, n)
	for _, w := range d.freed {
		w.freed = 0
	}
	d.freed = d.freed[:0]
	return list
}

// room is how much the consumers of w may be handed once the commit under way is done.
func (w *workQueue) room() int64 { return w.credit + int64(w.freed) }

// anticipate wants orders for the queues that get work or credit from the commit. Callers hold d.mu.
func (d *desk) anticipate(m *batch) {
	feed := ""
	for _, t := range m.tickets {
		for i := range t.op.Posts {
			if name := t.op.Posts[i].Entry.Feed; name != feed {
				feed = name
				for w := d.queues.of(feed); w != nil; w = w.sibling() {
					d.stir(w)
				}
			}
		}
		for i, e := range t.settles {
			d.anticipateSettled(e, t.op.Settle[i].Verdict)
		}
	}
}

func (d *desk) anticipateSettled(e *Delivery, v Verdict) {
	if e.state == deliveryGone {
		e.state = deliveryReleasing
		d.arrive(e)
	}
	w := d.queueOf(e)
	if w == nil {
		return
	}
	if v != Acked || e.state == deliveryReleasing {
		w.more = true
	}
	if e.state == deliverySettling && !e.consumer.closed && w.freed < math.MaxInt16 {
		if w.freed++; w.freed == 1 {
			d.freed = append(d.freed, w)
		}
	}
	if w.more {
		d.want(w)
	}
}

func (d *desk) newOrder(w *workQueue) *order {
	var o *order
	if n := len(d.free); n > 0 {
		o, d.free = d.free[n-1], d.free[:n-1]
	} else {
		o = new(order)
	}
	o.queue = w
	o.op = Op{Kind: OpClaim, Order: Order{Node: d.node, Queue: w.id, Count: int(min(w.room(), orderLimit))}}
	return o
}

// settle takes the outcome of what a commit settles: that gives credit.
func (d *desk) settle(m *batch, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range m.tickets {
		switch {
		case len(t.settles) > 0:
			d.settled(t, err)
		case t.op.Kind == OpDrop && err == nil && t.op.Err == nil:
			d.dropped(t.op.Drop)
		}
	}
}

// dropped takes note that the queues of a feed are gone. Callers hold d.mu.
func (d *desk) dropped(feed string) {
	for w := d.queues.of(feed); w != nil; w = w.sibling() {
		w.id = 0
		d.losses.retryAt = time.Now()
		d.signal()
	}
}

// handOut gives what a commit claimed to consumers. published holds the commit's entries in order of id. It reports whether
// there is more to claim.
func (d *desk) handOut(m *batch, published []*Entry, err error) (again bool) {
	d.mu.Lock()
	if d.node != 0 {
		d.recent.add(published)
	}
	var ready []func()
	for _, o := range m.orders {
		ready = d.fill(o, ready, err)
		o.queue = nil
		o.op = Op{}
		d.free = append(d.free, o)
	}
	again = len(d.dirty) > 0
	d.mu.Unlock()
	for _, call := range ready {
		call()
	}
	d.bus.release()
	return again
}

// settled takes the outcome of a ticket's settlements. Callers hold d.mu.
func (d *desk) settled(t *ticket, err error) {
	failed := err != nil || t.op.Err != nil
	for i, e := range t.settles {
		if errors.Is(t.op.Err, ErrClaimLost) {
			d.rejoinSoon(e.Node)
		}
		back := t.op.Settle[i].Verdict != Acked
		switch {
		case e.state == deliverySettling && failed:
			d.restore(e)
		case e.state == deliverySettling:
			d.lose(e)
			d.credit(e.consumer)
		case failed: // a release: its consumer has lost it already
			d.failedAgain(e)
		default:
			back = true
		}
		if w := d.queueOf(e); w != nil && back {
			w.passOver(e.consumer)
			d.stir(w)
		}
	}
}

// passOver lets the others have what c gave back, where there are others.
func (w *workQueue) passOver(c *Consumer) {
	if w.turn == c {
		w.turn = c.next
	}
}

// restore gives a delivery that was not settled back to its consumer; to the queue when that one has
// closed meanwhile, and to nobody when others have given it to somebody else. Callers hold d.mu.
func (d *desk) restore(e *Delivery) {
	switch {
	case e.Node != d.node:
		d.lose(e)
		d.credit(e.consumer)
		return
	case e.consumer.closed:
		d.giveUp(e, "")
		d.retryLater()
		return
	}
	e.state = deliveryHeld
	if e.deadline > 0 && e.timer == 0 { // it passed meanwhile
		heap.Push(&d.timers, e)
		d.signal()
	}
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

// fill hands out what was claimed for an order, and appends the callbacks of the consumers that
// got the first of it. Callers hold d.mu.
func (d *desk) fill(o *order, ready []func(), err error) []func() {
	w := o.queue
	if err != nil || o.op.Err != nil {
		w.more = true
		switch {
		case errors.Is(o.op.Err, ErrNoQueue):
			w.id = 0
		case errors.Is(o.op.Err, ErrClaimLost):
			d.rejoinSoon(o.op.Order.Node)
		}
		d.retryLater()
		return ready
	}
	claims := o.op.Order.Claims
	w.more = len(claims) == o.op.Order.Count || o.op.Order.More
	slab := make([]Delivery, len(claims))
	for i := range claims {
		e := &slab[i]
		*e = Delivery{Claim: claims[i], Entry: d.recent.find(claims[i].ID), Feed: w.feed, queue: w}
		c := w.serve()
		if c == nil { // those it was for have left since
			d.giveUp(e, "")
			continue
		}
		e.consumer = c
		c.held.add(e)
		if c.untaken == nil {
			c.untaken = e
		}
		if !c.notified {
			c.notified = true
			ready = append(ready, c.ready)
		}
	}
	if w.more {
		d.want(w)
	}
	return ready
}

// serve returns the consumer whose turn it is and takes one credit from it; nil when none
// has any.
func (w *workQueue) serve() *Consumer {
	for range w.consumers {
		c := w.turn
		w.turn = c.next
		if c.credit > 0 {
			c.credit--
			w.credit--
			return c
		}
	}
	return nil
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
			e.deadline = now.Add(limit).UnixMicro()
			heap.Push(&d.timers, e)
			sooner = sooner || d.timers[0] == e
		}
	}
	return sooner
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
