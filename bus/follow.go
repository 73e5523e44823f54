package bus

import (
	"context"
	"errors"
)

// Subscription is a cursor into a feed. The log is its buffer: a slow follower
// lags on it, and harms nobody else. It belongs to one goroutine at a time.
type Subscription struct {
	bus    *Bus
	tail   *tail
	after  int64
	closed bool
}

// Follow returns a subscription to what comes after the cursor in a feed; 0 is
// the beginning. The feed need not exist yet. Close the subscription after use.
func (b *Bus) Follow(feed string, after int64) *Subscription {
	return &Subscription{bus: b, tail: b.hub.follow(feed), after: after}
}

// Next returns the entries and tombstones after those of the call before, in
// order, at most limit, and waits when there are none. Its errors are those of Bus.Read,
// without ErrNoFeed; the context's cause; and ErrClosed when the bus is
// closed. After an error the subscription stands where it stood.
func (s *Subscription) Next(ctx context.Context, limit int) ([]*Entry, error) {
	for {
		if s.bus.isClosing() {
			return nil, ErrClosed
		}
		// Watch first, then read: what comes between the two is not missed.
		changed := s.bus.hub.watch(s.tail)
		page, err := s.bus.Read(ctx, Query{Feed: s.tail.name, After: s.after, Limit: limit, Left: true})
		switch {
		case errors.Is(err, ErrNoFeed):
		case err != nil:
			return nil, err
		case len(page.Entries) > 0:
			s.after = page.Entries[len(page.Entries)-1].ID
			return page.Entries, nil
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

// Close ends the subscription. It may be called again.
func (s *Subscription) Close() {
	if !s.closed {
		s.closed = true
		s.bus.hub.unfollow(s.tail)
	}
}
