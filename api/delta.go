package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"atommq/bus"
)

// Field values of an answer that tells what is new only. Caches that do not know RFC 3229 must not
// keep it (§10.8.3).
var (
	imFeed    = []string{"feed"}
	deltaOnly = []string{"no-store, im"}
)

// wantsDelta reports whether A-IM takes the instance manipulation "feed", RFC 3229 §10.5.3.
func wantsDelta(lines []string) bool {
	for element := range elements(lines) {
		name, params := cutOutsideQuotes(element, ';')
		if strings.EqualFold(strings.TrimSpace(name), "feed") && !refused(params) {
			return true
		}
	}
	return false
}

// held returns the newest state of the feed that the request's ETags name, as its newest id, and
// the ETag; 0 for none that this feed can have had and still knows all about. One of the same name
// that was deleted had others, of which it tells nothing.
func (p *page) held(r *http.Request) (id int64, tag string) {
	var b [16]byte
	feed := string(appendFeedMark(b[:0], p.source))
	anyTag(r.Header["If-None-Match"], func(t string, _ bool) bool {
		newest, rest, _ := strings.Cut(t, "-")
		n, err := parseID(newest)
		if err == nil && state(rest) == feed && n > id && n >= p.source.Pruned && n <= p.source.LastID && n > 0 {
			id, tag = n, t
		}
		return false
	})
	return id, tag
}

// delta returns of p, the newest page, what the client has not seen, newest first, and the ETag of
// what it has; nil where it cannot be told or does not fit a page, so that the whole page has to do.
func (s *site) delta(w http.ResponseWriter, r *http.Request, p *page) (d *page, base string, err error) {
	if p.view.order != newestFirst || !wantsDelta(r.Header["A-Im"]) {
		return nil, "", nil
	}
	id, base := p.held(r)
	if id == 0 {
		return nil, "", nil
	}
	slice, err := s.readAfter(r.Context(), p, id)
	if err != nil || slice == nil || slice.Feed.LastID != p.source.LastID {
		return nil, "", err
	}
	if err := s.hold(w, slice.Entries...); err != nil {
		return nil, "", err
	}
	entries := slices.Clone(slice.Entries)
	slices.Reverse(entries)
	return &page{view: p.view, source: p.source, entries: entries, delta: true, base: p.base, collection: p.collection}, base, nil
}

// readAfter reads all that came after id, nil if that is more than a page or partly gone.
func (s *site) readAfter(ctx context.Context, p *page, id int64) (*bus.Slice, error) {
	slice, err := s.bus.Read(ctx, bus.Query{Feed: p.source.Name, After: id, Limit: p.view.limit})
	if _, gap := errors.AsType[*bus.GapError](err); gap {
		return nil, nil
	}
	if err != nil || slice.More {
		return nil, err
	}
	return slice, nil
}

// describeDelta sets the fields of a 226.
func describeDelta(h http.Header, base string) {
	h["Im"] = imFeed
	h["Delta-Base"] = []string{quoted(base)}
	h["Cache-Control"] = deltaOnly
	delete(h, "Last-Modified")
}
