package bus

import (
	"context"
	"fmt"
)

// Slice is a page of a feed.
type Slice struct {
	Feed    *Feed
	Entries []*Entry // in the order that the query asked for
	More    bool     // there are further ones, in that direction

	lost *[]Pruned // of ReadShared with Prefix and Gaps: what was pruned above where it begins; nil if that is too much
}

// Read returns a page of a feed: entries and tombstones. A page at the feed's end comes from
// memory. The page may hold fewer entries than q.Limit although there are more, when they are
// large: Config.PageBytes bounds it where q.Bytes does not.
//
// With q.Newest unset, q.After is a cursor: entries between it and the oldest one kept must not be
// passed over in silence, and *GapError says that some were. A cursor of 0 is the beginning of what
// is kept, but for q.First. ErrNoFeed if there is no such feed.
//
// With q.Prefix the page is of all feeds whose names begin so, of which there may be none;
// Slice.Feed is nil then. Such pages are no walk from the beginning, for which there is ReadMany.
func (b *Bus) Read(ctx context.Context, q Query) (*Slice, error) {
	q = b.bounded(q)
	if q.Prefix {
		return b.readPrefix(ctx, q)
	}
	s, known, err := b.readTail(ctx, q)
	if err != nil || known {
		return s, err
	}
	return b.readStore(ctx, q)
}

// bounded returns q with the bounds that it leaves out.
func (b *Bus) bounded(q Query) Query {
	if q.Bytes <= 0 {
		q.Bytes = b.config.PageBytes
	}
	q.Limit = max(q.Limit, 1)
	return q
}

// readTail reads a page from memory; known is false when that does not reach back so far.
func (b *Bus) readTail(ctx context.Context, q Query) (s *Slice, known bool, err error) {
	t, err := b.hub.ready(ctx, q.Feed, true)
	if err != nil {
		return nil, false, fmt.Errorf("read %q: %w", q.Feed, err)
	}
	s = &Slice{Feed: t.feed}
	if t.feed != nil {
		s.Entries, s.More, known = t.page(q)
	}
	b.hub.mu.Unlock()
	switch {
	case s.Feed == nil:
		return nil, false, fmt.Errorf("read %q: %w", q.Feed, ErrNoFeed)
	case q.gap(s.Feed):
		return nil, false, b.gap(ctx, q, s.Feed.Pruned)
	}
	return s, known, nil
}

// gap reports whether retention removed an entry that the cursor has not seen.
func (q *Query) gap(f *Feed) bool { return q.mayMiss() && q.After < f.Pruned }

// mayMiss reports whether there is an entry that the cursor has not seen, if it was removed, and
// the caller wants to know.
func (q *Query) mayMiss() bool { return !q.Newest && !q.Gaps && (q.After > 0 || q.First) }

// gap returns the error that tells a reader where the feed begins now.
func (b *Bus) gap(ctx context.Context, q Query, pruned int64) error {
	oldest, err := b.store.Read(ctx, Query{Feed: q.Feed, Limit: 1})
	if err != nil {
		return fmt.Errorf("read %q: %w", q.Feed, err)
	}
	gap := &GapError{Feed: q.Feed, After: q.After, Pruned: pruned}
	if len(oldest) > 0 {
		gap.Oldest = oldest[0].ID
	}
	return gap
}

// storeReads is how many pages are read from the store at a time. What belongs to one is read after
// its entries, and a store answers in turn: those of many pages would wait in memory for that.
const storeReads = 8

// readStore reads a page further back than memory reaches.
func (b *Bus) readStore(ctx context.Context, q Query) (*Slice, error) {
	if b.reading.Acquire(ctx, 1) != nil {
		return nil, context.Cause(ctx)
	}
	defer b.reading.Release(1)
	f, entries, err := b.readBoth(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", q.Feed, err)
	}
	if q.gap(f) {
		return nil, b.gap(ctx, q, f.Pruned)
	}
	if q.Gaps {
		b.hub.learn(f) // it is asked what was lost
	}
	n := fit(entries, q.Limit, q.Bytes)
	more := n < len(entries)
	if !more && size(entries) > q.Bytes {
		// The bytes ended the page before the limit could tell.
		rest, err := b.store.Read(ctx, q.beyond(entries[n-1].ID))
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", q.Feed, err)
		}
		more = len(rest) > 0
	}
	return &Slice{Feed: f, Entries: entries[:n], More: more}, nil
}

// readBoth reads a feed and its entries, one more than q asks for. Newest first, the feed comes
// first: it must not tell of an entry that came since as if that were on the page. Behind a cursor
// it comes last: if entries were pruned before they could be read, it says so.
func (b *Bus) readBoth(ctx context.Context, q Query) (f *Feed, entries []*Entry, err error) {
	if q.Newest {
		if f, err = b.store.Feed(ctx, q.Feed); err != nil {
			return nil, nil, err
		}
	}
	wider := q
	wider.Limit++
	if entries, err = b.store.Read(ctx, wider); err != nil || q.Newest {
		return f, entries, err
	}
	f, err = b.store.Feed(ctx, q.Feed)
	return f, entries, err
}

// beyond asks for the first entry behind a page that ends with id.
func (q Query) beyond(id int64) Query {
	if q.Limit = 1; q.Newest {
		q.Before = id
	} else {
		q.After = id
	}
	return q
}

// Entry returns an entry, or its tombstone with Deleted set, from any feed if feed is
// empty. ErrNoEntry if there is none.
func (b *Bus) Entry(ctx context.Context, feed, uuid string) (*Entry, error) {
	e, err := b.store.Find(ctx, feed, uuid)
	if err != nil {
		return nil, fmt.Errorf("find %q: %w", uuid, err)
	}
	return e, nil
}
