package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Range is ids from First to Last, both in it. Those of archive pages have a power of two of ids,
// and begin at a multiple of their size.
type Range struct{ First, Last int64 }

// Archive is a page of a feed that is full: nothing will come into it.
//
// The borders of pages stand in the ids themselves. Of the ranges of ids around an entry whose size
// is a power of two, which begin at a multiple of it and reach back to nothing that was pruned, the
// largest that holds no more than 100 entries and 4 MiB is its page; it is full once the feed has
// an id behind it. So pages take no table, no count of what lies before them, and no more than
// their neighbours to find. Ids only rise: nothing comes into a range that lies behind, and the
// wider one that held too much keeps holding too much, so that the borders of an append-only feed
// never move. In other feeds entries leave, by edits and deletions, which put them at the head:
// there two pages can become one, and the former ranges still read as what is left in them.
type Archive struct {
	Feed *Feed
	Range
	Entries  []*Entry // oldest first
	Previous Range    // the page before it, the zero Range for none
	Next     Range    // the full page behind it, likewise
	// Final says that neither the page nor its neighbours can change, unless somebody prunes the
	// feed or changes its settings: it keeps all, and the page behind this one is full, too.
	Final bool
}

// What a page of an archive holds at most; one entry always fits.
const (
	archiveEntries = 100
	archiveBytes   = 4 << 20
)

// ErrNoArchive says that a range is no page of the feed's archive, or not yet.
var ErrNoArchive = errors.New("no such page in the archive")

// wider returns the next larger range around r.
func (r Range) wider() Range {
	size := r.Last - r.First + 1
	first := r.First &^ (2*size - 1)
	return Range{first, first + 2*size - 1}
}

func (r Range) isPage() bool {
	size := r.Last - r.First + 1
	return r.First >= 0 && size > 0 && size&(size-1) == 0 && r.First&(size-1) == 0
}

// begins returns the first id of r that an entry can have.
func (r Range) begins() int64 { return max(r.First, 1) }

// window is a piece of a feed, oldest entry first, which reaches as far around what it is asked
// about as a page could.
type window []*Entry

// in returns the entries of r.
func (w window) in(r Range) window {
	i, _ := slices.BinarySearchFunc(w, r.First, byID)
	j, found := slices.BinarySearchFunc(w, r.Last, byID)
	if found {
		j++
	}
	return w[i:j]
}

// fits reports whether what r holds is no more than one page's worth.
func (w window) fits(r Range) bool {
	held := w.in(r)
	return len(held) < 2 || len(held) <= archiveEntries && size(held) <= archiveBytes
}

// canGrow reports whether r is less than a page.
func (w window) canGrow(r Range, f *Feed) bool {
	wide := r.wider()
	return r.Last < math.MaxInt64/4 && wide.begins() > f.Pruned && w.fits(wide)
}

// page returns the range that the page around id has.
func (w window) page(id int64, f *Feed) Range {
	r := Range{id, id}
	for w.canGrow(r, f) {
		r = r.wider()
	}
	return r
}

// Archive returns the page of a feed's archive that has the range. It returns ErrNoArchive, or a
// *GapError where entries of it were pruned.
func (b *Bus) Archive(ctx context.Context, feed string, r Range) (*Archive, error) {
	if !r.isPage() {
		return nil, fmt.Errorf("read %q: ids %d to %d: %w", feed, r.First, r.Last, ErrNoArchive)
	}
	before, err := b.Feed(ctx, feed)
	if err != nil {
		return nil, err
	}
	// What is to be sent is read last, so that it waits in memory for nothing else.
	below, err := b.archived(ctx, Query{Feed: feed, Before: r.begins(), Newest: true, Outline: true})
	if err != nil {
		return nil, err
	}
	above, err := b.archived(ctx, Query{Feed: feed, After: r.Last, Outline: true})
	if err != nil {
		return nil, err
	}
	own, err := b.archived(ctx, Query{Feed: feed, After: r.begins() - 1})
	if err != nil {
		return nil, err
	}
	f := own.Feed
	a := &Archive{Feed: f, Range: r, Entries: window(own.Entries).in(r)}
	switch {
	case r.Last > f.LastID || !window(own.Entries).fits(r):
		return nil, fmt.Errorf("read %q: ids %d to %d: %w", feed, r.First, r.Last, ErrNoArchive)
	case r.begins() <= f.Pruned:
		return nil, b.gap(ctx, Query{Feed: feed, After: r.First}, f.Pruned)
	}
	a.neighbours(below.Entries, above.Entries)
	a.Final = a.Final && before.sameTerms(f)
	return a, nil
}

// sameTerms reports whether f is the feed that now is, with the settings and the beginning that it
// has now. Where they differ, what was read meanwhile may be of either.
func (f *Feed) sameTerms(now *Feed) bool {
	return f.UUID == now.UUID && f.Revision == now.Revision && f.Pruned == now.Pruned
}

// neighbours finds the pages around a, from the entries below it, newest first, and those above.
func (a *Archive) neighbours(below, above []*Entry) {
	w := slices.Clone(below)
	slices.Reverse(w)
	all := window(slices.Concat(w, a.Entries, above))
	if len(below) > 0 {
		a.Previous = all.page(below[0].ID, a.Feed)
	}
	if len(above) == 0 {
		return
	}
	if next := all.page(above[0].ID, a.Feed); next.Last <= a.Feed.LastID {
		a.Next = next
		a.Final = a.Feed.KeepsAll() && !all.canGrow(a.Range, a.Feed)
	}
}

// archived reads one entry more than a page can hold: so it tells what does not fit.
func (b *Bus) archived(ctx context.Context, q Query) (*Slice, error) {
	q.Limit, q.Bytes = archiveEntries+1, archiveBytes
	s, err := b.Read(ctx, q)
	if err != nil || len(s.Entries) != 1 || !s.More {
		return s, err
	}
	// One that is larger than a page has ended it: the next one tells how far its page reaches.
	rest, err := b.Read(ctx, q.beyond(s.Entries[0].ID))
	if err != nil {
		return nil, err
	}
	return &Slice{Feed: s.Feed, Entries: slices.Concat(s.Entries, rest.Entries), More: rest.More}, nil
}

// LastArchive returns the newest page of a feed's archive, the zero Range for none, and how many
// entries have come since: those of the page that is not full yet.
func (b *Bus) LastArchive(ctx context.Context, feed string) (r Range, since int, err error) {
	newest, err := b.archived(ctx, Query{Feed: feed, Newest: true, Outline: true})
	if err != nil {
		return Range{}, 0, err
	}
	f := newest.Feed
	w := slices.Clone(newest.Entries)
	slices.Reverse(w)
	open := window(w).page(f.LastID+1, f)
	since = len(window(w).in(open))
	below, err := b.archived(ctx, Query{Feed: feed, Before: open.begins(), Newest: true, Outline: true})
	if err != nil || len(below.Entries) == 0 {
		return Range{}, since, err
	}
	all := slices.Clone(below.Entries)
	slices.Reverse(all)
	all = append(all, window(w).in(open)...)
	return window(all).page(below.Entries[0].ID, f), since, nil
}
