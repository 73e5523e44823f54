package stompgw

import (
	"context"
	"time"

	"atommq/bus"
)

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
		if err := w.mayTake(s); err != nil {
			return false, err
		}
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
	more, err = w.topics.next(ctx, &w.parcel, max(bufferBytes-w.size(), 1))
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
		if w.size() >= bufferBytes && len(rest) > 0 {
			if err := w.flushMessages(ctx); err != nil {
				w.server.Bus.Untake(rest)
				return err
			}
		}
	}
	return nil
}

// takeLimit returns how many deliveries to take: about as many as the buffer has room for, going by
// the size of those before.
func (w *writer) takeLimit() int {
	room := int64(bufferBytes - w.size())
	return int(min(room/max(w.average, 1)+1, takeLimit))
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

// flushMessages writes the parcel and begins another.
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
	// What is settled later is settled by its id: until then, only the store holds it.
	defer w.server.Bus.Unload(ds)
	ds = w.leaveOut(ds)
	slab, open := w.hold(s, ds)
	if !open {
		w.server.Bus.Untake(ds)
		return nil
	}
	w.server.stats.messages.Add(int64(len(ds)))
	for i, d := range ds {
		var h *held
		if s.mode == ackAuto {
			w.acks = append(w.acks, d)
		} else {
			h = &slab[i]
		}
		w.buf = s.appendMessage(w.buf, w.version, d, h)
		e := w.server.topics.long.one(d.Entry)
		w.addTail(w.server.topics.tail(ctx, e, w.version, s.is(wholeKind)), e)
	}
	return nil
}

// leaveOut acknowledges those whose entry was deleted or edited since they were handed out, or has
// expired, and returns the others.
func (w *writer) leaveOut(ds []*bus.Delivery) []*bus.Delivery {
	now := time.Now()
	kept := ds[:0]
	for _, d := range ds {
		if d.Entry == nil || !d.Expires.IsZero() && !now.Before(d.Expires) {
			w.acks = append(w.acks, d)
		} else {
			kept = append(kept, d)
		}
	}
	return kept
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
	w.unwritten = held{}
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
