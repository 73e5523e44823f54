package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// prefixFeeds is how many feeds' descriptions are read at once to find gaps.
const prefixFeeds = 1000

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
	if err := b.prefixGap(ctx, q); err != nil {
		return nil, err
	}
	n := fit(entries, q.Limit, q.Bytes)
	// A page that its bytes ended may be the last: then the next one is empty.
	return &Slice{Entries: entries[:n], More: n < len(entries) || size(entries) > q.Bytes}, nil
}

// prefixGap returns a *GapError when a feed no longer keeps what came after the cursor.
func (b *Bus) prefixGap(ctx context.Context, q Query) error {
	if q.Newest || q.After <= 0 {
		return nil
	}
	// The name before all that begin so is the prefix itself, which may be a feed's.
	f, err := b.store.Feed(ctx, q.Feed)
	switch {
	case errors.Is(err, ErrNoFeed): // then none is named like the prefix
	case err != nil:
		return fmt.Errorf("read %q*: %w", q.Feed, err)
	case q.gap(f):
		return b.gap(ctx, Query{Feed: f.Name, After: q.After}, f)
	}
	for after := q.Feed; ; {
		list, err := b.store.Feeds(ctx, after, "", prefixFeeds)
		if err != nil {
			return fmt.Errorf("read %q*: %w", q.Feed, err)
		}
		for _, f := range list {
			if !strings.HasPrefix(f.Name, q.Feed) {
				return nil
			}
			if q.gap(f) {
				return b.gap(ctx, Query{Feed: f.Name, After: q.After}, f)
			}
			after = f.Name
		}
		if len(list) < prefixFeeds {
			return nil
		}
	}
}
