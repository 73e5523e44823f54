package bus

import (
	"context"
	"fmt"
)

// readPrefix reads a page over all feeds whose names begin alike. It comes from the store: those
// who follow prefixes are few, and the tails hold one feed each.
func (b *Bus) readPrefix(ctx context.Context, q Query) (*Slice, error) {
	wider := q
	wider.Limit++
	entries, err := b.store.Read(ctx, wider)
	if err != nil {
		return nil, fmt.Errorf("read %q*: %w", q.Feed, err)
	}
	// Feeds are looked at after the entries: if some were pruned before they could be read, one says so.
	if q.mayMiss() {
		if err := b.checkLoss(ctx, Select(nil, []string{q.Feed}), q); err != nil {
			return nil, err
		}
	}
	n := fit(entries, q.Limit, q.Bytes)
	// A page that its bytes ended may be the last: then the next one is empty.
	return &Slice{Entries: entries[:n], More: n < len(entries) || size(entries) > q.Bytes}, nil
}

// sources returns a query for each part of the selection. A prefix of few feeds is read as those,
// each by its index: over all feeds, what lies between their entries would have to be passed over,
// which may be the whole log.
func (b *Bus) sources(ctx context.Context, s Selection) ([]Query, error) {
	const few = 16
	list := make([]Query, 0, len(s.feeds)+len(s.prefixes))
	for _, f := range s.feeds {
		list = append(list, Query{Feed: f})
	}
	for _, p := range s.prefixes {
		names, err := b.store.Names(ctx, p, few+1)
		if err != nil {
			return nil, fmt.Errorf("read %q*: %w", p, err)
		}
		if len(names) > few {
			list = append(list, Query{Feed: p, Prefix: true})
			continue
		}
		for _, f := range names {
			list = append(list, Query{Feed: f})
		}
	}
	return list, nil
}
