package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// presenceTime is how long a feed that was there counts as there. Another node may drop it meanwhile.
	presenceTime = 2 * time.Second
	// mostPresent bounds the feeds that are remembered so.
	mostPresent = 10_000
)

// presence remembers which feeds there are, so that whoever publishes often does not look each time.
type presence struct {
	mu    sync.RWMutex
	until map[string]time.Time
}

func (p *presence) has(feed string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	until, ok := p.until[feed]
	return ok && time.Now().Before(until)
}

func (p *presence) add(feed string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil || len(p.until) >= mostPresent {
		p.until = make(map[string]time.Time)
	}
	p.until[feed] = time.Now().Add(presenceTime)
}

func (p *presence) remove(feed string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.until, feed)
}

// MakeFeed makes a feed that belongs to the caller, if there is none: a *LimitError when the caller
// may make no more. Whoever publishes, or makes a queue, on somebody's behalf calls it first. Feeds
// of those who have no account belong to Anonymous together; those of the shared account, and of a
// bus on which nobody has limits, to nobody.
func (b *Bus) MakeFeed(ctx context.Context, feed string, by *Caller) error {
	if !by.owns() || b.present.has(feed) {
		return nil
	}
	_, err := b.Feed(ctx, feed)
	if errors.Is(err, ErrNoFeed) {
		err = b.makeFeed(ctx, feed, by)
	}
	if err == nil {
		b.present.add(feed)
	}
	return err
}

func (b *Bus) makeFeed(ctx context.Context, feed string, by *Caller) error {
	most := by.most(LimitFeeds)
	err := b.store.MakeFeed(ctx, feed, by.name(), most)
	b.hub.forget(feed)
	if errors.Is(err, ErrFeedsMade) {
		return by.refuse(LimitFeeds, most, 0)
	}
	if err != nil {
		return fmt.Errorf("make feed %q: %w", feed, err)
	}
	return nil
}

// makeFeeds makes the feeds of what t publishes, unless t is refused for its size.
func (b *Bus) makeFeeds(ctx context.Context, t *ticket, by *Caller) error {
	if !by.owns() {
		return nil
	}
	if err := b.intake.weigh(t); err != nil {
		b.stats.refuse(err, len(t.op.Posts))
		return fmt.Errorf("publish: %w", err)
	}
	for i := range t.op.Posts {
		feed := t.op.Posts[i].Entry.Feed
		if i > 0 && feed == t.op.Posts[i-1].Entry.Feed {
			continue
		}
		if err := b.MakeFeed(ctx, feed, by); err != nil {
			return err
		}
	}
	return nil
}

// CheckFeed returns the *LimitError that MakeFeed would now, and makes nothing: for whoever has
// much to do before there is something to publish.
func (b *Bus) CheckFeed(ctx context.Context, feed string, by *Caller) error {
	most := by.most(LimitFeeds)
	if !by.owns() || most == Unlimited || b.present.has(feed) {
		return nil
	}
	_, err := b.Feed(ctx, feed)
	if !errors.Is(err, ErrNoFeed) {
		return err
	}
	made, err := b.store.CountFeeds(ctx, by.name())
	switch {
	case err != nil:
		return fmt.Errorf("count the feeds of %q: %w", by.name(), err)
	case made >= most:
		return by.refuse(LimitFeeds, most, 0)
	}
	return nil
}

// owns reports whether feeds that the caller makes belong to its account.
func (c *Caller) owns() bool {
	return c != nil && !c.shared && (c.Limited() || !c.access.IsOpen())
}
