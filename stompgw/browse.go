package stompgw

import (
	"context"
	"errors"
	"math"
	"time"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// browse is how far a browser has seen a queue, of what was in it when it began.
type browse struct {
	feed, queue string
	after       bus.Place
	newest      int64 // id that it shows at most
}

// What a browser reads at once, and how much of it waits to be written.
const (
	browseLimit = 64
	browseBytes = 256 << 10
)

// browse begins a subscription that shows what waits and takes nothing.
func (c *conn) browse(q *queueSubscription, feed, queue string, r receipt) error {
	if q.mode != ackAuto {
		return faultf("use ack:auto: what a browser gets stays in the queue", "a browser acknowledges nothing")
	}
	c.mu.Lock()
	if c.browsers == nil {
		c.browsers = make(map[*queueSubscription]*browse)
	}
	c.browsers[q] = &browse{feed: feed, queue: queue, newest: c.server.Bus.Head()}
	c.mu.Unlock()
	q.state |= earlyState
	c.enlist(q)
	c.beginSubscription(q, r)
	return nil
}

// deliverBrowsed appends the next entries of the queue, or the MESSAGE that tells its end.
func (w *writer) deliverBrowsed(ctx context.Context, s *queueSubscription) error {
	w.mu.Lock()
	b := w.browsers[s]
	w.mu.Unlock()
	if b == nil { // it was closed
		return nil
	}
	entries, place, err := w.server.Bus.Browse(ctx, b.feed, b.queue, b.after, browseLimit, browseBytes)
	if err != nil && !errors.Is(err, bus.ErrNoQueue) {
		return err
	}
	if len(entries) == 0 && place == b.after {
		w.buf = s.appendEnd(w.buf, w.version)
		return nil
	}
	b.after = place
	if err := w.show(ctx, s, entries, b.newest); err != nil {
		return err
	}
	if place.ID > b.newest {
		b.after.ID = math.MaxInt64 // what comes behind it at this rank is newer still
	}
	s.notify()
	return nil
}

// show appends entries up to the newest, and lets go of each.
func (w *writer) show(ctx context.Context, s *queueSubscription, entries []*bus.Entry, newest int64) error {
	now := time.Now()
	for i, e := range entries {
		entries[i] = nil
		if e.ID > newest {
			continue
		}
		e = w.server.topics.long.one(e)
		tail := w.server.topics.tail(ctx, e, w.version, s.is(wholeKind))
		if expired(tail, now) {
			continue
		}
		w.buf = s.appendMessage(w.buf, w.version, &bus.Delivery{}, nil)
		w.addTail(tail, e)
		if w.size() >= browseBytes {
			if err := w.flushMessages(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendEnd writes the MESSAGE without body that ends what a browser gets, as ActiveMQ does.
func (s *queueSubscription) appendEnd(dst []byte, v stomp.Version) []byte {
	dst = s.appendMessage(dst, v, &bus.Delivery{}, nil)
	dst = append(dst, "message-id:0\nbrowser:end\n"...)
	return stomp.AppendEnd(dst)
}
