package stompgw

import (
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
	mode     ackMode
	kind     subscriptionKind
	state    subscriptionState
}

// subscriptionKind is what was asked for.
type subscriptionKind uint8

const (
	unnamedKind subscriptionKind = 1 << iota // the client gave no id (1.0), and id is the destination
	wholeKind                                // the entry is the body
	browserKind                              // conn.browsers has how far it is
)

// subscriptionState is how far it is. conn.mu guards it.
type subscriptionState uint8

const (
	begunState  subscriptionState = 1 << iota // its RECEIPT is on its way
	earlyState                                // there was something to deliver before
	queuedState                               // it is in the list of those that are ready
	lateState                                 // it is in the list of those that have lost something
	closedState
)

func newQueueSubscription(c *conn, s *subscription) *queueSubscription {
	q := &queueSubscription{conn: c, mode: s.mode, prefetch: uint16(s.prefetch)}
	q.text, q.idLength = s.id+s.to.text, uint16(len(s.id))
	if s.unnamed {
		q.kind |= unnamedKind
	}
	if s.whole {
		q.kind |= wholeKind
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

// notify has the writer see what the consumer has, and has lost, or ends the session when the
// consumer was robbed of what the client has, or has ended.
func (s *queueSubscription) notify() {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	s.notifyLocked()
}

// fault returns what the client is told of the consumer, nil for nothing. Before the subscription
// has begun, the client has nothing.
func (s *queueSubscription) fault() *fault {
	switch {
	case s.state&begunState == 0 || s.consumer == nil:
		return nil
	case s.consumer.Robbed():
		return robbed()
	case s.consumer.Err() != nil:
		return homeless(s.destination())
	}
	return nil
}

func (s *queueSubscription) notifyLocked() {
	c := s.conn
	f := s.fault()
	switch {
	case s.state&closedState != 0:
	case f != nil:
		c.failLocked(f, receipt{})
	case s.state&begunState == 0:
		s.state |= earlyState
	default:
		c.ready.push(s)
		if s.consumer != nil && s.consumer.HasLost() && s.state&lateState == 0 {
			s.state |= lateState
			c.late = append(c.late, s)
		}
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

// close ends s and gives back what it holds, but for what the writer has in hand: that is written,
// and acknowledged where it need not be by the client.
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
		c.server.stats.queues.Add(-1)
		s.consumer.Abandon(c.blamed)
	}
}

// appendMessage writes the headers of a MESSAGE that the subscription gives it.
func (s *queueSubscription) appendMessage(dst []byte, v stomp.Version, d *bus.Delivery, h *held) []byte {
	dst = stomp.AppendCommand(dst, stomp.MESSAGE)
	if !s.is(unnamedKind) {
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
