package bus

import (
	"context"
	"errors"
	"fmt"
)

// IsClosed reports whether a feed's settings let no new entries in. Whoever publishes on somebody's
// behalf asks first; dead letters, and what is sent back from among them, go in all the same. A feed
// that this node closes is closed at once, one that another closes within two seconds: for as long,
// a feed that was open is not looked at again.
func (b *Bus) IsClosed(ctx context.Context, feed string) (bool, error) {
	if b.open.has(feed) {
		return false, nil
	}
	f, err := b.store.Feed(ctx, feed)
	switch {
	case errors.Is(err, ErrNoFeed): // it begins open
	case err != nil:
		return false, fmt.Errorf("tell whether feed %q is closed: %w", feed, err)
	case f.Accepts.Closed():
		return true, nil
	}
	b.open.add(feed)
	return false, nil
}
