package bus

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// Span is a page of several feeds, in one order of ids.
type Span struct {
	Entries []*Entry // in the order that the query asked for
	More    bool     // there are further ones, in that direction
	// Last is the id up to which the page has everything above the query's After: the cursor to go on
	// from. It may lie beyond the last entry. With Newest it is the id down to which it has everything.
	Last int64
	Loss Loss // what had been pruned above Last, to be given back with it; 0 with Newest
}

// Cursor returns the cursor to go on from.
func (s *Span) Cursor() Cursor { return Cursor{s.Last, s.Loss} }

// ReadMany returns a page of several feeds, as Read does of one: q's Feed and Prefix are not looked
// at. Feeds that do not exist are empty. A *GapError says of which feed entries after the cursor
// were pruned that q.Loss does not know of.
func (b *Bus) ReadMany(ctx context.Context, s Selection, q Query) (*Span, error) {
	q = b.bounded(q)
	// The head is older than what is read. Up to it, the page has everything; what came since may be
	// there of one feed and not of another, which was read before.
	head := b.Head()
	m := merging{Query: q, bound: head}
	if q.Newest {
		m.bound = q.After
		if q.Before == 0 || q.Before > head {
			m.Before = head + 1
		}
	} else if q.Before > 0 {
		m.bound = min(m.bound, q.Before-1)
	}
	sources, err := b.sources(ctx, s) // of feeds that come later, all entries are above the bound
	if err != nil {
		return nil, err
	}
	for _, source := range sources {
		page, err := b.Read(ctx, m.ask(source))
		switch {
		case errors.Is(err, ErrNoFeed):
		case err != nil:
			return nil, err
		default:
			m.take(page)
		}
	}
	span := m.span()
	if !q.Newest && !q.Gaps {
		if span.Loss, err = b.LossAt(ctx, s, q, span.Last); err != nil {
			return nil, err
		}
	}
	return span, nil
}

// merging is several feeds' pages while they become one. No more is held than one page and what was read last.
type merging struct {
	Query
	entries []*Entry
	bound   int64 // what lies beyond it is not complete
	more    bool
}

// ask returns the query for a part of the selection.
func (m *merging) ask(source Query) Query {
	q := m.Query
	q.Feed, q.Prefix = source.Feed, source.Prefix
	q.Gaps = true // they are looked for in all together
	switch {
	case !m.more: // memory serves what has no second bound
	case q.Newest:
		q.After = m.bound - 1
	default:
		q.Before = m.bound + 1
	}
	return q
}

// take merges a page in, and cuts off what goes beyond the limits.
func (m *merging) take(s *Slice) {
	m.entries = append(m.entries, s.Entries...)
	if s.More && len(s.Entries) > 0 {
		m.cut(s.Entries[len(s.Entries)-1].ID)
	}
	slices.SortFunc(m.entries, m.compare)
	n := fit(m.entries, m.Limit, m.Bytes)
	if n < len(m.entries) {
		m.cut(m.entries[n-1].ID)
	}
	m.entries = slices.DeleteFunc(m.entries, m.beyond)
}

// compare puts the entries into the order of reading.
func (m *merging) compare(a, b *Entry) int {
	if m.Newest {
		return cmp.Compare(b.ID, a.ID)
	}
	return cmp.Compare(a.ID, b.ID)
}

// cut ends the page with id.
func (m *merging) cut(id int64) {
	m.more = true
	if m.Newest {
		m.bound = max(m.bound, id)
	} else {
		m.bound = min(m.bound, id)
	}
}

// beyond reports whether e lies beyond the bound.
func (m *merging) beyond(e *Entry) bool {
	if m.Newest {
		return m.more && e.ID < m.bound
	}
	return e.ID > m.bound
}

func (m *merging) span() *Span {
	if !m.Newest {
		m.bound = max(m.bound, m.After)
	}
	return &Span{Entries: m.entries, More: m.more, Last: m.bound}
}
