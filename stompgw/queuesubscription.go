package stompgw

import (
	"context"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// queueSubscription is a subscription to a queue. There may be a million: it is small.
type queueSubscription struct {
	conn     *conn
	consumer *bus.Consumer // nil for a browser
	text     string        // the id, and the destination behind it
	holds    *holds        // nil with ack:auto
	prefetch uint16
	idLength uint16
	mode     topicAck
	kind     subscriptionKind
	state    subscriptionState
}

// subscriptionKind is what was asked for.
type subscriptionKind uint8

const (
	namelessKind subscriptionKind = 1 << iota // the client gave no id (1.0), and id is the destination
	entireKind                                // the entry is the body
	browserKind                               // conn.browsers has how far it is
)

// subscriptionState is how far it is. conn.mu guards it.
type subscriptionState uint8

const (
	begunState  subscriptionState = 1 << iota // its RECEIPT is on its way
	earlyState                                // there was something to deliver before
	queuedState                               // it is in the list of those that are ready
	closedState
)

func newQueueSubscription(c *conn, s *subscription) *queueSubscription {
	q := &queueSubscription{conn: c, mode: s.mode, prefetch: uint16(s.prefetch)}
	q.text, q.idLength = s.id+s.to.text, uint16(len(s.id))
	if s.unnamed {
		q.kind |= namelessKind
	}
	if s.whole {
		q.kind |= entireKind
	}
	if s.browse {
		q.kind |= browserKind
	}
	return q
}

// id is unique in the connection.
func (s *queueSubscription) id() string { return s.text[:s.idLength] }

// destination is where messages come from, as the client calls it.
func (s *queueSubscription) destination() string { return s.text[s.idLength:] }

func (s *queueSubscription) is(k subscriptionKind) bool { return s.kind&k != 0 }

// notify has the writer take what the consumer has.
func (s *queueSubscription) notify() {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	s.notifyLocked()
}

func (s *queueSubscription) notifyLocked() {
	c := s.conn
	switch {
	case s.state&closedState != 0:
	case s.state&begunState == 0:
		s.state |= earlyState
	default:
		c.ready.push(s)
		if c.deliverable() {
			c.wake()
		}
	}
}

// beginSubscription lets s deliver, once the RECEIPT of its SUBSCRIBE is on its way.
func (c *conn) beginSubscription(s *queueSubscription, r receipt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answerLocked(r)
	s.state |= begunState
	if s.state&earlyState != 0 {
		s.notifyLocked()
	}
}

// close ends s and gives back what it holds, but for what the writer has in hand: that is written, and acknowledged
// where it need not be by the client.
func (s *queueSubscription) close() {
	c := s.conn
	c.mu.Lock()
	s.state |= closedState
	delete(c.browsers, s)
	if s.holds != nil {
		for s.holds.first != nil {
			c.drop(s.holds.first)
		}
	}
	for turn := c.turns; c.writing && c.turns == turn && !c.ended; {
		c.changed.Wait()
	}
	c.mu.Unlock()
	if s.consumer != nil {
		s.consumer.Close()
	}
}

// What a turn of a subscription takes at most.
const (
	takeLimit = 128
	loadBytes = 1 << 20  // of entries that are loaded at once
	guess     = 64 << 10 // of the size of an entry, before one was seen
)

// deliver appends what one of those that are ready has to deliver. It reports whether there is more.
func (w *writer) deliver(ctx context.Context) (more bool, err error) {
	s, topics := w.nextReady()
	if s != nil {
		if s.is(browserKind) {
			err = w.deliverBrowsed(ctx, s)
		} else {
			err = w.deliverTaken(ctx, s)
		}
		if err != nil {
			return false, err
		}
	}
	if topics {
		if more, err = w.deliverTopics(ctx); err != nil {
			return false, err
		}
	}
	return more || s != nil, nil
}

func (w *writer) nextReady() (s *queueSubscription, topics bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.quiet || w.ended {
		return nil, false
	}
	if w.heldBytes < w.server.HeldBytes {
		s = w.ready.pop()
	}
	topics, w.topicsReady = w.topicsReady, false
	return s, topics
}

// deliverTopics appends messages of topics.
func (w *writer) deliverTopics(ctx context.Context) (more bool, err error) {
	w.buf, more, err = w.topics.next(ctx, w.buf, max(bufferBytes-len(w.buf), 1))
	if more {
		w.notifyTopics()
	}
	return more, err
}

// notifyTopics has the writer take what the topics have.
func (c *conn) notifyTopics() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topicsReady = true
	c.wake()
}

// deliverTaken takes deliveries of s and appends them.
func (w *writer) deliverTaken(ctx context.Context, s *queueSubscription) error {
	w.taken = s.consumer.Take(w.taken[:0], w.takeLimit())
	w.measure()
	defer func() { clear(w.taken) }()
	for rest := w.taken; len(rest) > 0; {
		n := fitting(rest)
		if err := w.send(ctx, s, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
		if len(w.buf) >= bufferBytes && len(rest) > 0 {
			if err := w.flushMessages(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeLimit returns how many deliveries to take, going by the size of those before.
func (w *writer) takeLimit() int {
	return int(min(max(loadBytes/max(w.average, 1), 1), takeLimit))
}

// measure notes the size of what was taken.
func (w *writer) measure() {
	if len(w.taken) == 0 {
		return
	}
	sum := int64(0)
	for _, d := range w.taken {
		sum += d.Bytes
	}
	w.average = sum / int64(len(w.taken))
}

// fitting returns how many of ds, at least one, may be loaded at once.
func fitting(ds []*bus.Delivery) int {
	bytes := int64(0)
	for i, d := range ds {
		if bytes += d.Bytes; bytes > loadBytes && i > 0 {
			return i
		}
	}
	return len(ds)
}

// flushMessages writes the buffer and begins another.
func (w *writer) flushMessages(ctx context.Context) error {
	if err := w.flush(); err != nil {
		w.die()
		return err
	}
	w.acknowledge(ctx)
	w.buf = takeBuffer()
	return nil
}

// send appends deliveries, in order.
func (w *writer) send(ctx context.Context, s *queueSubscription, ds []*bus.Delivery) error {
	if err := w.server.Bus.Load(ctx, ds); err != nil {
		return err
	}
	ds = w.leaveOutGone(ds)
	slab, open := w.hold(s, ds)
	if !open {
		return nil
	}
	for i, d := range ds {
		var h *held
		if s.mode == ackAuto {
			w.acks = append(w.acks, d)
		} else {
			h = &slab[i]
		}
		w.buf = s.appendMessage(w.buf, w.version, d, h)
		w.buf = append(w.buf, w.server.topics.tail(ctx, d.Entry, w.version, s.is(entireKind))...)
	}
	return nil
}

// leaveOutGone acknowledges those whose entry was deleted or edited since, and returns the others.
func (w *writer) leaveOutGone(ds []*bus.Delivery) []*bus.Delivery {
	kept := ds[:0]
	for _, d := range ds {
		if d.Entry == nil {
			w.acks = append(w.acks, d)
		} else {
			kept = append(kept, d)
		}
	}
	return kept
}

// appendMessage writes the headers of a MESSAGE that the subscription gives it.
func (s *queueSubscription) appendMessage(dst []byte, v stomp.Version, d *bus.Delivery, h *held) []byte {
	dst = stomp.AppendCommand(dst, stomp.MESSAGE)
	if !s.is(namelessKind) {
		dst = stomp.AppendHeader(dst, v, "subscription", s.id())
	}
	dst = stomp.AppendHeader(dst, v, "destination", s.destination())
	if h != nil && v >= stomp.V12 {
		dst = h.appendAck(dst)
	}
	if d.Attempt > 1 {
		dst = append(dst, "redelivered:true\n"...)
		dst = stomp.AppendHeaderInt(dst, v, "attempts", int64(d.Attempt))
	}
	return dst
}

// acknowledge settles what was written for subscriptions with ack:auto.
func (w *writer) acknowledge(ctx context.Context) {
	if len(w.acks) == 0 {
		return
	}
	o := &operation{conn: w.conn, auto: true}
	o.Acks = append([]*bus.Delivery(nil), w.acks...)
	o.Done = o.done
	clear(w.acks)
	w.acks = w.acks[:0]
	w.mu.Lock()
	w.acking++
	w.mu.Unlock()
	_ = w.server.Bus.Submit(ctx, &o.Transaction) // done has its error
}

// resettle submits the parts of operations that failed because of others.
func (w *writer) resettle(ctx context.Context) {
	w.mu.Lock()
	list := w.again
	w.again = nil
	w.mu.Unlock()
	for _, o := range list {
		_ = w.server.Bus.Submit(ctx, &o.Transaction) // done has its error
	}
}
