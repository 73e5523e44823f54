package bus

import (
	"context"
	"errors"
	"time"
)

// Keep is which entries a feed keeps; a zero field bounds nothing. What any bound leaves out goes,
// the oldest first, and so do the tombstones before it.
type Keep struct {
	Age     time.Duration // since an entry's last edit
	Entries int64         // the newest ones
	Bytes   int64         // of the XML and the media of the newest ones
}

// Retention tells what feeds keep too much of.
type Retention interface {
	// Limited returns at most limit feeds that do not keep everything, in bytewise order of name,
	// the first ones after the name after.
	Limited(ctx context.Context, after string, limit int) ([]*Feed, error)

	// Surplus looks at the oldest limit entries and tombstones of a feed and returns the id of the
	// newest that f.Keep leaves out at the time now, 0 for none.
	Surplus(ctx context.Context, f *Feed, now time.Time, limit int) (upTo int64, err error)
}

// retainFeeds is how many feeds are looked at together.
const retainFeeds = 100

// retain prunes the feeds that do not keep everything.
func (b *Bus) retain(ctx context.Context) error {
	for after := ""; ; {
		page, err := b.store.Limited(ctx, after, retainFeeds)
		if err != nil {
			return err
		}
		for _, f := range page {
			if err := b.retainFeed(ctx, f); err != nil && !errors.Is(err, ErrNoFeed) {
				return err
			}
		}
		if len(page) < retainFeeds {
			return nil
		}
		after = page[len(page)-1].Name
	}
}

// retainFeed prunes a feed in small transactions, between which publishers get their turn.
func (b *Bus) retainFeed(ctx context.Context, f *Feed) error {
	for {
		upTo, err := b.store.Surplus(ctx, f, time.Now(), pruneBatch)
		if err != nil || upTo == 0 {
			return err
		}
		removed, err := b.store.Prune(ctx, f.Name, upTo, pruneBatch)
		if err != nil {
			return err
		}
		b.stats.pruned.Add(int64(removed))
		b.hub.forget(f.Name)
		if f, err = b.store.Feed(ctx, f.Name); err != nil {
			return err
		}
	}
}
