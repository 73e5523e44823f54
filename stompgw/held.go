package stompgw

import (
	"errors"
	"strconv"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// held is a delivery that its client is to acknowledge, by the key that is its Mark. conn.mu guards
// it.
type held struct {
	*bus.Delivery
	of *queueSubscription
	// busy says that it is being settled, or will be by an open transaction.
	busy       bool
	late       bool // its ack timeout has passed
	gone       bool
	order      uint32 // in which the connection's were delivered; it wraps around
	prev, next *held  // of the subscription, in the order delivered
	same       *held  // with the same key, delivered before
}

// deliveries is what a connection's queues deliver. conn.mu guards it.
type deliveries struct {
	ready       readyList
	topicsReady bool
	late        []*queueSubscription // whose consumers have lost something
	browsers    map[*queueSubscription]*browse
	again       []*operation // to be submitted: parts of one that failed

	held      map[int64]*held // by key; later ones first
	heldBytes int64           // of those that are not late
	unwritten held            // the first with ack:auto that is not known to be written
	order     uint32          // of the delivery last held
	last      int64           // its number, in 1.2
	highest   int64           // id of the newest message delivered
}

// readyList is a queue of the subscriptions that have something to deliver.
type readyList struct {
	list []*queueSubscription
	head int // of those that are left
}

func (l *readyList) empty() bool { return l.head == len(l.list) }

func (l *readyList) push(s *queueSubscription) {
	if s.state&queuedState == 0 {
		s.state |= queuedState
		l.list = append(l.list, s)
	}
}

func (l *readyList) pop() *queueSubscription {
	if l.empty() {
		return nil
	}
	s := l.list[l.head]
	l.list[l.head] = nil
	s.state &^= queuedState
	if l.head++; l.empty() {
		l.list, l.head = nil, 0
	} else if l.head == len(l.list)/2 {
		l.list = append(l.list[:0:0], l.list[l.head:]...)
		l.head = 0
	}
	return s
}

// deliverable reports whether the writer has something to deliver. Callers hold c.mu.
func (c *conn) deliverable() bool {
	return len(c.late) > 0 || c.topicsReady || !c.ready.empty() && c.heldBytes < c.server.HeldBytes
}

// hold takes note of deliveries that s is about to send, and numbers them if the client is to
// acknowledge them. It reports false when s has ended meanwhile.
func (c *conn) hold(s *queueSubscription, ds []*bus.Delivery) ([]held, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range ds {
		c.highest = max(c.highest, d.ID)
	}
	if s.state&closedState != 0 {
		return nil, false
	}
	if s.mode == ackAuto {
		if c.unwritten.Delivery == nil && len(ds) > 0 {
			c.order++
			c.unwritten = held{Delivery: ds[0], of: s, order: c.order}
		}
		return nil, true
	}
	if c.held == nil {
		c.held = make(map[int64]*held)
	}
	slab := make([]held, len(ds))
	for i, d := range ds {
		h := &slab[i]
		c.order++
		h.Delivery, h.of, h.order = d, s, c.order
		c.number(h)
		s.holds.add(h)
		c.heldBytes += d.Bytes
	}
	return slab, true
}

// blame returns what a client that broke off was likely working on: the oldest that it has not
// acknowledged, nil for none, or when the session ended for nothing that its client did.
func (c *conn) blame() *bus.Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spared {
		return nil
	}
	oldest := &c.unwritten
	for _, h := range c.held {
		for ; h != nil; h = h.same {
			if !h.late && !h.busy && (oldest.Delivery == nil || int32(h.order-oldest.order) < 0) {
				oldest = h
			}
		}
	}
	return oldest.Delivery
}

// number enters h under the key that its client will use. Callers hold c.mu.
func (c *conn) number(h *held) {
	if h.Mark = h.ID; c.version >= stomp.V12 {
		c.last++
		h.Mark = c.last
	}
	h.same = c.held[h.Mark]
	c.held[h.Mark] = h
}

// noteLate takes note of what consumers have lost to ack timeouts, and so makes room. Only the
// writer calls it, between turns: what it took is then held.
func (w *writer) noteLate() {
	w.mu.Lock()
	list := w.late
	w.late = nil
	for _, s := range list {
		s.state &^= lateState
	}
	w.mu.Unlock()
	for _, s := range list {
		w.taken = s.consumer.Lost(w.taken[:0])
		w.mu.Lock()
		for _, d := range w.taken {
			w.makeLate(d)
		}
		w.forget(s)
		w.mu.Unlock()
		clear(w.taken)
	}
}

// makeLate leaves what is held of d to be named by an ACK that comes too late. Callers hold c.mu.
func (c *conn) makeLate(d *bus.Delivery) {
	h := c.held[d.Mark]
	for h != nil && h.Delivery != d {
		h = h.same
	}
	if h == nil {
		return
	}
	h.late = true
	h.of.holds.late++
	c.makeRoom(h.Bytes)
}

// forget drops the oldest of those that are late, beyond as many as the prefetch: a client need not
// acknowledge anything. Callers hold c.mu.
func (c *conn) forget(s *queueSubscription) {
	if s.holds == nil {
		return
	}
	for h := s.holds.first; h != nil && s.holds.late > int(s.prefetch); {
		following := h.next
		if h.late {
			c.drop(h)
		}
		h = following
	}
}

// drop forgets h, which is settled or lost. Callers hold c.mu.
func (c *conn) drop(h *held) {
	if h.gone {
		return
	}
	h.gone = true
	h.of.holds.remove(h)
	if h.late {
		h.of.holds.late--
	} else {
		c.makeRoom(h.Bytes)
	}
	first := c.held[h.Mark]
	switch {
	case first != h:
		for first.same != h {
			first = first.same
		}
		first.same = h.same
	case h.same == nil:
		delete(c.held, h.Mark)
	default:
		c.held[h.Mark] = h.same
	}
}

// makeRoom takes bytes from what is held, and has the writer deliver what waited for that. Callers
// hold c.mu.
func (c *conn) makeRoom(bytes int64) {
	full := c.heldBytes >= c.server.HeldBytes
	c.heldBytes -= bytes
	if full && c.deliverable() {
		c.wake()
	}
}

// decide takes the outcome of what o settles. Callers hold c.mu.
func (c *conn) decide(o *operation) {
	lost := errors.Is(o.Err, bus.ErrClaimLost) && !o.whole
	switch {
	case o.mustSplit():
		singles := o.singles()
		if o.tally != nil {
			o.tally.left += len(singles)
		}
		c.submitLater(singles...)
		c.wake()
	case lost, o.Err == nil:
		for _, h := range o.held {
			c.drop(h)
		}
	default: // nothing was done
		for _, h := range o.held {
			h.busy = false
		}
	}
}

// submitLater has the writer submit operations. Callers hold c.mu.
func (c *conn) submitLater(list ...*operation) {
	for _, o := range list {
		if o.auto {
			c.acking++
		} else {
			c.pending++
		}
	}
	c.again = append(c.again, list...)
}

// singles returns an operation for each delivery that o settles: what is still held is
// settled without those that are not.
func (o *operation) singles() []*operation {
	list := make([]*operation, len(o.Acks)+len(o.Nacks))
	for i := range list {
		p := &operation{conn: o.conn, auto: o.auto, tally: o.tally}
		if i < len(o.Acks) {
			p.Acks = o.Acks[i : i+1]
		} else {
			p.Nacks = o.Nacks[i-len(o.Acks):][:1]
		}
		if o.held != nil {
			p.held = o.held[i : i+1]
		}
		p.Done = p.done
		list[i] = p
	}
	return list
}

// holds links what a subscription holds.
type holds struct {
	first, last *held
	late        int // of them, how many are late
}

func (l *holds) add(h *held) {
	h.prev = l.last
	if l.last == nil {
		l.first = h
	} else {
		l.last.next = h
	}
	l.last = h
}

func (l *holds) remove(h *held) {
	if h.prev == nil {
		l.first = h.next
	} else {
		h.prev.next = h.next
	}
	if h.next == nil {
		l.last = h.prev
	} else {
		h.next.prev = h.prev
	}
	h.prev, h.next = nil, nil
}

// ackPrefix begins the ack headers of queues, which so differ from those of topics.
const ackPrefix = "q"

// appendAck writes the ack header of 1.2.
func (h *held) appendAck(dst []byte) []byte {
	dst = append(dst, "ack:"+ackPrefix...)
	dst = strconv.AppendInt(dst, h.Mark, 10)
	return append(dst, '\n')
}
