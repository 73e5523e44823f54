package bus

import (
	"errors"
	"math"
	"slices"
	"time"
)

// order is a claim op and the queue it is for.
type order struct {
	op    Op
	queue *workQueue
}

// ordersLimit bounds the orders in one commit, so that none is long.
const ordersLimit = 256

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
	if v.givesBack() || e.state == deliveryReleasing {
		w.more = true
	}
	if e.state == deliverySettling && v != Leased && !e.consumer.closed && w.freed < math.MaxInt16 {
		if w.freed++; w.freed == 1 {
			d.freed = append(d.freed, w)
		}
	}
	if w.more {
		d.want(w)
	}
}

// newOrder asks for as much as a commit may publish at most: with less, a queue would fall behind
// producers that are as fast as its consumers, and what waits costs reading it again.
func (d *desk) newOrder(w *workQueue) *order {
	var o *order
	if n := len(d.free); n > 0 {
		o, d.free = d.free[n-1], d.free[:n-1]
	} else {
		o = new(order)
	}
	o.queue = w
	o.op = Op{Kind: OpClaim, Order: Order{Node: d.node, Queue: w.id, Count: int(min(w.room(), int64(d.bus.config.BatchEntries)))}}
	return o
}

// handOut gives what a commit claimed to consumers. published holds the commit's entries in order
// of id. It reports whether there is more to claim: not at once from a store that has just failed,
// which would so be asked over and over.
func (d *desk) handOut(m *batch, published []*Entry, err error) (again bool) {
	d.mu.Lock()
	d.remember(published)
	var ready []func()
	for _, o := range m.orders {
		ready = d.fill(o, ready, err)
		o.queue = nil
		o.op = Op{}
		d.free = append(d.free, o)
	}
	again = len(d.dirty) > 0
	if again && err != nil {
		d.retryLater()
		again = false
	}
	d.mu.Unlock()
	for _, call := range ready {
		call()
	}
	d.bus.release()
	return again
}

// remember keeps the entries that consumers here may be handed. Callers hold d.mu.
func (d *desk) remember(published []*Entry) {
	for _, e := range published {
		if d.queues.of(e.Feed) != nil {
			d.recent.add(e)
		}
	}
}

// leastUntaken is how long a consumer may leave what it was handed untaken before others have it, where
// the ack timeout is shorter: one that is only slow would be handed the same over and over.
const leastUntaken = time.Minute

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
		case errors.Is(err, ErrUncertain):
			// What was claimed, if it was, is with nobody: entered anew, this node gives it back.
			d.rejoinSoon(o.op.Order.Node)
		}
		d.retryLater()
		return ready
	}
	claims := o.op.Order.Claims
	w.more = len(claims) == o.op.Order.Count || o.op.Order.More
	slab := make([]Delivery, len(claims))
	now := time.Now()
	for i := range claims {
		e := &slab[i]
		*e = Delivery{Claim: claims[i], Entry: d.recent.claim(claims[i].ID), Feed: w.feed, queue: w}
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
		if limit := e.timeout(c, w); limit > 0 && d.setTimer(e, now.Add(max(limit, leastUntaken))) {
			d.signal()
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
