package bus

import (
	"context"
	"errors"
)

// Subscription is a cursor into one feed or several. The log is its buffer: a slow follower
// lags on it, and harms nobody else. It belongs to one goroutine at a time.
type Subscription struct {
	Bytes int  // of XML that one answer holds before it ends early; 0 for Config.PageBytes
	First bool // as in Query, for the cursor 0
	// Loss and Reader are as in Query, for the cursor of several feeds. Set them before the first
	// call.
	Loss   Loss
	Reader *Caller

	bus    *Bus
	tail   *tail  // of the only feed
	watch  *watch // of several
	after  int64
	closed bool
}

// Follow returns a subscription to what comes after the cursor; 0 is
// the beginning. The feeds need not exist yet. Close the subscription after use.
func (b *Bus) Follow(s Selection, after int64) *Subscription {
	if feed, ok := s.One(); ok {
		return &Subscription{bus: b, tail: b.hub.follow(feed), after: after}
	}
	return &Subscription{bus: b, watch: b.hub.watchSelection(s), after: after}
}

// Next returns the entries and tombstones after those of the call before, in
// order, at most limit, and waits when there are none. Its errors are those of Bus.Read,
// without ErrNoFeed; the context's cause; and ErrClosed when the bus is
// closed. After an error the subscription stands where it stood.
func (s *Subscription) Next(ctx context.Context, limit int) ([]*Entry, error) {
	for {
		page, changed, err := s.Poll(ctx, limit)
		if err != nil || len(page) > 0 {
			return page, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-s.bus.closing:
			return nil, ErrClosed
		}
	}
}

// Poll is Next without the waiting. Where it returns no entries, changed is closed once there may
// be some: then poll again. Where nothing has changed, that costs no query. It does not tell that
// the bus is being closed; Done does.
func (s *Subscription) Poll(ctx context.Context, limit int) (entries []*Entry, changed <-chan struct{}, err error) {
	if s.bus.isClosing() {
		return nil, nil, ErrClosed
	}
	// Watch first, then read: what comes between the two is not missed.
	if s.tail != nil {
		changed = s.bus.hub.changed(&s.tail.bell)
		entries, err = s.pollFeed(ctx, limit)
	} else {
		changed = s.bus.hub.changed(&s.watch.bell)
		entries, err = s.pollMany(ctx, limit)
	}
	if len(entries) > 0 {
		s.after = max(s.after, entries[len(entries)-1].ID)
	}
	return entries, changed, err
}

func (s *Subscription) pollFeed(ctx context.Context, limit int) ([]*Entry, error) {
	q := s.bus.bounded(Query{Feed: s.tail.name, After: s.after, Limit: limit, Bytes: s.Bytes, First: s.First, Left: true})
	page, known, err := s.bus.readTail(ctx, q)
	if err == nil && !known {
		page, err = s.bus.ReadShared(ctx, q)
	}
	switch {
	case errors.Is(err, ErrNoFeed):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return page.Entries, nil
}

// pollMany reads on in the log's tail, or, further back, in the feeds.
func (s *Subscription) pollMany(ctx context.Context, limit int) ([]*Entry, error) {
	for {
		recent, known, ok, err := s.bus.hub.newer(ctx, s.after)
		if err != nil {
			return nil, err
		}
		if ok && s.Loss == 0 { // else memory does not tell what belongs to the next cursor
			return s.choose(recent, known, limit), nil
		}
		span, err := s.bus.ReadMany(ctx, s.watch.selection, Query{
			After: s.after, Limit: limit, Bytes: s.Bytes, First: s.First, Left: true, Loss: s.Loss, Reader: s.Reader,
		})
		if err != nil {
			return nil, err
		}
		s.after, s.Loss = span.Last, span.Loss
		if len(span.Entries) > 0 {
			return span.Entries, nil
		}
	}
}

// choose picks what is selected of recent, which is all there is up to known.
func (s *Subscription) choose(recent []*Entry, known int64, limit int) (chosen []*Entry) {
	bytes, most := 0, s.Bytes
	if most <= 0 {
		most = s.bus.config.PageBytes
	}
	for _, e := range recent {
		if !s.watch.selection.Has(e.Feed) {
			continue
		}
		if len(chosen) == limit || bytes > most {
			return chosen
		}
		chosen = append(chosen, e)
		bytes += len(e.XML)
	}
	s.after = max(s.after, known)
	return chosen
}

// Cursor returns the cursor: everything up to it that is followed has been returned. Where several
// feeds are followed, it moves with the log even if nothing is published to them, and has the loss
// that belongs to it.
func (s *Subscription) Cursor() Cursor {
	if s.tail != nil {
		return Cursor{After: s.after}
	}
	return Cursor{s.after, s.Loss}
}

// Done returns a channel that is closed when the bus is: then nothing comes any more.
func (s *Subscription) Done() <-chan struct{} { return s.bus.closing }

// Close ends the subscription. It may be called again.
func (s *Subscription) Close() {
	if s.closed {
		return
	}
	s.closed = true
	if s.tail != nil {
		s.bus.hub.unfollow(s.tail)
	} else {
		s.bus.hub.unwatchSelection(s.watch)
	}
}
