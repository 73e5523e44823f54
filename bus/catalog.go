package bus

import (
	"context"
	"fmt"
	"math"

	"atommq/feeds"
)

// pruneBatch is how many entries one transaction removes, so that publishers wait
// little behind it.
const pruneBatch = 1000

// Feed returns a feed's description, from memory where the feed is in use: ErrNoFeed if
// there is none. The result must not be changed.
func (b *Bus) Feed(ctx context.Context, name string) (*Feed, error) {
	t, err := b.hub.ready(ctx, name, false)
	if err != nil {
		return nil, fmt.Errorf("feed %q: %w", name, err)
	}
	f := t.feed
	b.hub.mu.Unlock()
	if f == nil {
		return nil, fmt.Errorf("feed %q: %w", name, ErrNoFeed)
	}
	return f, nil
}

// Feeds returns at most limit feeds in bytewise order of name: the first ones after
// the name after or, when before is not empty, the last ones before it.
func (b *Bus) Feeds(ctx context.Context, after, before string, limit int) ([]*Feed, error) {
	list, err := b.store.Feeds(ctx, after, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list feeds: %w", err)
	}
	return list, nil
}

// Configure changes a feed's settings, making the feed if there is none. Errors: that of
// feeds.CheckName; a *SettingError; ErrChanged when s.IfRevision is not the feed's.
func (b *Bus) Configure(ctx context.Context, name string, s Settings) (*Feed, error) {
	if err := feeds.CheckName(name); err != nil {
		return nil, err
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	f, err := b.store.Configure(ctx, name, s)
	if err != nil {
		return nil, fmt.Errorf("configure %q: %w", name, err)
	}
	b.hub.forget(name)
	return f, nil
}

// Prune removes a feed's entries and tombstones with ids up to upTo, oldest first, in
// small transactions. It returns how many it removed, also when it failed half-way.
func (b *Bus) Prune(ctx context.Context, name string, upTo int64) (int, error) {
	total := 0
	for {
		n, err := b.store.Prune(ctx, name, upTo, pruneBatch)
		b.hub.forget(name)
		total += n
		b.stats.pruned.Add(int64(n))
		if err != nil {
			return total, fmt.Errorf("prune %q: %w", name, err)
		}
		if n < pruneBatch {
			return total, nil
		}
	}
}

// DropFeed removes a feed with its entries, drafts, settings, queues and work: ErrNoFeed if there
// is none. ifID is the newest id that the feed must have, 0 for any: ErrChanged if it has another.
//
// A large feed goes in many small transactions; under a condition in one, as it goes as a whole or not at all.
func (b *Bus) DropFeed(ctx context.Context, feed string, ifID int64) error {
	if f, err := b.Feed(ctx, feed); ifID == 0 && err == nil && f.Entries > pruneBatch {
		if _, err := b.Prune(ctx, feed, math.MaxInt64); err != nil {
			return err
		}
	}
	if err := b.commit(ctx, &ticket{op: Op{Kind: OpDrop, Drop: feed, IfID: ifID}}); err != nil {
		return fmt.Errorf("drop %q: %w", feed, err)
	}
	b.present.remove(feed)
	b.hub.forget(feed)
	return nil
}
