package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// page is what a request for a feed is answered with.
type page struct {
	view       view
	source     *bus.Feed
	entries    []*bus.Entry // as shown
	more       bool         // in the direction of reading
	delta      bool         // only what the client has not seen
	base       string
	collection string
	next       string // absolute URLs, "" for none
	previous   string
	firstPage  string
	lastPage   string

	archive     bus.Range // of a page of the archive
	prevArchive string
	nextArchive string
}

func (p *page) isArchive() bool { return p.archive != (bus.Range{}) }

// final reports whether p, of the pages by cursor, stays as it is. After 0 is the beginning of what
// is kept, which moves.
func (p *page) final() bool {
	return p.source.KeepsAll() && p.view.order == after && p.view.id > 0 && p.more
}

// self returns the page's own canonical URL.
func (p *page) self() string {
	if p.isArchive() {
		return archiveURL(p.collection, p.archive, p.view.format)
	}
	return p.view.url(p.collection)
}

func (p *page) first() int64 {
	if len(p.entries) == 0 {
		return 0
	}
	return p.entries[0].ID
}

func (p *page) last() int64 {
	if len(p.entries) == 0 {
		return 0
	}
	return p.entries[len(p.entries)-1].ID
}

// current returns the URL of the feed's newest page.
func (p *page) current() string {
	v := view{order: newestFirst, limit: defaultLimit, format: p.view.format}
	return v.url(p.collection)
}

// negotiated returns the URL of the page whose form Accept decides on.
func (p *page) negotiated() string {
	if p.isArchive() {
		return archiveURL(p.collection, p.archive, "")
	}
	v := p.view
	v.format = ""
	return v.url(p.collection)
}

// position returns the id to go on from by cursor, and whether the page names one. On the
// first newest-first page it is the newest entry's: a reader who has seen the
// page follows from there.
func (p *page) position() (int64, bool) {
	switch {
	case p.view.order == newestFirst && len(p.entries) == 0:
		return p.source.Pruned, true
	case p.view.order == newestFirst:
		return p.first(), true
	case p.view.cursor() && len(p.entries) == 0:
		return p.view.id, true
	case p.view.cursor():
		return p.last(), true
	}
	return 0, false
}

// modified returns when the page last changed: the zero time for a feed with settings of its own,
// which tell no date; for one that entries leave as they are acked, or have left as they were
// pruned, of which there is none either; and for a page of the archive.
func (p *page) modified() time.Time {
	f := p.source
	if p.isArchive() || f.Revision > 0 || f.UntilAcked || f.Pruned > 0 {
		return time.Time{}
	}
	return f.Updated
}

// readPage reads the page of a feed that v asks for.
func (s *site) readPage(w http.ResponseWriter, r *http.Request, feed string, v view) (*page, error) {
	ctx := r.Context()
	if err := v.checkLoss(); err != nil {
		return nil, err
	}
	if v.uuid != "" {
		if err := s.locate(ctx, feed, &v); err != nil {
			return nil, err
		}
	}
	q := v.ask(feed)
	q.Bytes = s.sending.share()
	slice, err := s.bus.Read(ctx, q)
	s.sending.unshare(q.Bytes)
	if err != nil {
		return nil, err
	}
	if err := s.hold(w, slice.Entries...); err != nil {
		return nil, err
	}
	base := s.baseOf(r)
	p := &page{
		view: v, source: slice.Feed, entries: slice.Entries, more: slice.More,
		base: base, collection: base + feeds.Path(feed),
	}
	if v.order == newerThan || v.order == upTo {
		p.entries = slices.Clone(p.entries) // the bus's own slice is shared
		slices.Reverse(p.entries)
	}
	if err := s.link(ctx, p); err != nil {
		return nil, err
	}
	return p, nil
}

// ask returns the query for the entries of v.
func (v *view) ask(feed string) bus.Query {
	q := bus.Query{Feed: feed, Limit: v.limit, Loss: v.loss}
	switch v.order {
	case newestFirst:
		q.Newest = true
	case olderThan:
		q.Newest, q.Before = true, max(v.id, 1) // 0 would be no bound
	case newerThan, after:
		q.After = min(v.id, math.MaxInt64-1) // the bus counts one above it
		q.First = v.fromFirst()
	case upTo:
		q.Newest, q.Before = true, oneAbove(v.id)
	}
	return q
}

// oneAbove returns the bound that takes id in; 0, no bound, at the end of the numbers.
func oneAbove(id int64) int64 { return max(id+1, 0) }

// locate turns a cursor given by uuid into an id. An entry that was edited or deleted has
// moved to the head, and what its reader has seen since is unknown: it is told
// so, because the new place could skip entries.
func (s *site) locate(ctx context.Context, feed string, v *view) error {
	e, err := s.bus.Entry(ctx, feed, v.uuid)
	if err == nil && e.Draft() {
		err = bus.ErrNoEntry
	}
	if err != nil {
		return s.unknownCursor(ctx, feed, v.uuid, err)
	}
	if e.Edits > 0 {
		return &problemError{
			Status: http.StatusGone,
			Detail: fmt.Sprintf("The entry urn:uuid:%s was changed after it was published, which moved it to %d. Go on with after=%d if you have seen that change, else with the Xlastid you last got, or 0 for the beginning.", v.uuid, e.ID, e.ID),
			Extra:  map[string]any{"id": e.ID},
		}
	}
	v.id, v.uuid = e.ID, ""
	if v.inclusive {
		v.id--
	}
	return nil
}

// unknownCursor explains a cursor that names no entry: in a feed that retention has
// cut, it may name one that is gone.
func (s *site) unknownCursor(ctx context.Context, feed, uuid string, err error) error {
	f, feedErr := s.bus.Feed(ctx, feed)
	switch {
	case feedErr != nil:
		return feedErr
	case f.Pruned > 0:
		return &problemError{
			Status: http.StatusGone,
			Detail: fmt.Sprintf("The entry urn:uuid:%s is not, or no longer, in this feed, which has forgotten its entries up to %d. Go on with Xlastid: 0, which is the beginning of what is kept.", uuid, f.Pruned),
			cause:  err,
		}
	}
	return &problemError{
		Status: http.StatusBadRequest,
		Detail: fmt.Sprintf("No such entry exists with id urn:uuid:%s in this feed. Give the id of one that does, or Xlastid: 0 for the beginning.", uuid),
		cause:  err,
	}
}

// link finds the neighbours of p. A link stands exactly where there are
// entries behind it.
func (s *site) link(ctx context.Context, p *page) error {
	v := &p.view
	switch v.order {
	case newestFirst, olderThan:
		below, above := p.last(), p.first()
		if len(p.entries) == 0 {
			above = max(v.id-1, 0)
		}
		p.linkIf(&p.next, p.more, olderThan, below)
		p.linkIf(&p.previous, v.order == olderThan && p.newerExist(above), newerThan, above)
	case newerThan:
		below := p.last()
		if len(p.entries) == 0 {
			below = oneAbove(v.id)
		}
		older, err := s.olderExist(ctx, p, below)
		if err != nil {
			return err
		}
		p.linkIf(&p.next, older, olderThan, below)
		p.linkIf(&p.previous, p.more, newerThan, p.first())
	case after:
		older, err := s.olderExist(ctx, p, oneAbove(v.id))
		if err != nil {
			return err
		}
		p.linkIf(&p.next, p.more, after, p.last())
		p.linkIf(&p.previous, older, upTo, v.id)
	case upTo:
		seen := v.id
		if len(p.entries) > 0 {
			seen = p.last()
		}
		p.linkIf(&p.next, p.newerExist(seen), after, seen)
		p.linkIf(&p.previous, p.more, upTo, p.first()-1)
	}
	p.linkEnds()
	if v.order == newestFirst && p.more {
		return s.linkArchive(ctx, p)
	}
	return nil
}

// linkEnds sets the links to the first and the last page, where there are several (RFC 5005 §3).
// Pollers at a feed's end get none.
func (p *page) linkEnds() {
	if len(p.entries) == 0 || p.next == "" && p.previous == "" {
		return
	}
	if p.view.cursor() {
		p.linkIf(&p.firstPage, true, after, 0)
		p.linkIf(&p.lastPage, true, upTo, p.source.LastID)
		return
	}
	p.linkIf(&p.firstPage, true, newestFirst, 0)
	p.linkIf(&p.lastPage, true, newerThan, p.source.Pruned)
}

func (p *page) linkIf(link *string, exists bool, o order, id int64) {
	if exists {
		there := p.view.at(o, id)
		*link = there.url(p.collection)
	}
}

// newerExist reports whether the feed keeps something above id: its newest id is
// always one of an entry or tombstone, until that is pruned.
func (p *page) newerExist(id int64) bool {
	return p.source.LastID > id && p.source.LastID > p.source.Pruned
}

// olderExist reports whether the feed keeps something below id. At a feed's end, where readers
// poll, its counts tell without a look.
func (s *site) olderExist(ctx context.Context, p *page, id int64) (bool, error) {
	if id <= p.source.Pruned+1 || id <= 1 {
		return false, nil
	}
	if !p.more && p.source.Entries > p.live() {
		return true, nil
	}
	slice, err := s.bus.Read(ctx, bus.Query{Feed: p.source.Name, Newest: true, Before: id, Limit: 1})
	if err != nil {
		return false, err
	}
	return len(slice.Entries) > 0, nil
}

func (p *page) live() int64 {
	var n int64
	for _, e := range p.entries {
		if !e.Deleted {
			n++
		}
	}
	return n
}
