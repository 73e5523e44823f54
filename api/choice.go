package api

import (
	"net/http"
	"strings"

	"atommq/bus"
	"atommq/feeds"
)

const (
	// choiceBytes is how much XML a page of several feeds, or of some categories, holds before it ends early.
	choiceBytes = 2 << 20
	// choiceScan is how many entries are looked at for one page of some categories.
	choiceScan = 10_000
)

// namesFeeds reports whether a query asks for feeds rather than for the list of them. What cannot
// be read asks for the list, which says so.
func namesFeeds(query string) bool {
	for query != "" {
		name, _, rest, err := nextPair(query)
		if err != nil {
			return false
		}
		if name == "feed" {
			return true
		}
		query = rest
	}
	return false
}

// getMany answers with what several feeds have, in one order.
func (s *site) getMany(w http.ResponseWriter, r *http.Request) error {
	w.Header()["Vary"] = varyCollection
	form, format, err := choose(r, "", choiceForms)
	if err != nil {
		return err
	}
	c, err := s.parseChoice(r)
	if err != nil {
		return err
	}
	if form.kind == kindStream {
		return s.getStream(w, r, c, form)
	}
	v, err := parseView(r)
	if err != nil {
		return err
	}
	v.format = format
	return s.getChoice(w, r, c, v, form)
}

// getChoice answers with a page of what c chooses.
func (s *site) getChoice(w http.ResponseWriter, r *http.Request, c choice, v view, form offer) error {
	if form.kind == kindHTML || form.kind == kindEvent {
		return badRequest("category: pages for people and CloudEvents have all entries. Ask for Atom or JSON, with format=atom or format=json.")
	}
	if err := checkChoice(&v, c.own != ""); err != nil {
		return err
	}
	head := s.bus.Head() // before the reading: what comes during it is behind the cursor of an empty page
	span, err := s.readChoice(r, &c, v)
	if err != nil {
		return err
	}
	if wait := waitOf(r); wait > 0 && v.order == after && len(span.Entries) == 0 && !span.More {
		if err := s.await(w, r, &c, span.Cursor(), wait); err != nil {
			return err
		}
		if span, err = s.readChoice(r, &c, v); err != nil {
			return err
		}
	}
	if err := s.hold(w, span.Entries...); err != nil {
		return err
	}
	doc, err := s.describeChoice(r, &c, v, span)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Cache-Control"] = noCache
	if v.order != olderThan {
		h["Xlastid"] = []string{choicePosition(&v, span, head).String()}
	}
	return s.writeChoice(w, r, doc, span.Entries, form)
}

// checkChoice refuses the places that pages of a choice cannot begin at.
func checkChoice(v *view, own bool) error {
	switch {
	case own && v.loss != 0:
		return v.checkLoss()
	case v.uuid != "":
		return badRequest("The cursor of several feeds, or of some categories, is an id. Give the value of Xlastid in an earlier answer, or 0 for the beginning.")
	case v.order == newerThan, v.order == upTo:
		return badRequest("Pages of several feeds, or of some categories, go one way. Begin with after=, with older-than=, or with neither, which is the newest.")
	}
	return nil
}

// choicePosition returns the cursor to go on from: with a cursor, that up to which the page has
// everything; without one, head, or the newest entry, which may have come since. Below head, there
// may be what feeds had lost before.
func choicePosition(v *view, span *bus.Span, head int64) bus.Cursor {
	switch {
	case v.order == after:
		return span.Cursor()
	case len(span.Entries) > 0:
		head = max(head, span.Entries[0].ID)
	}
	return bus.Cursor{After: head}
}

// readChoice reads on until a page is full, or enough was looked at for one. It reads what may be
// read of c by now.
func (s *site) readChoice(r *http.Request, c *choice, v view) (*bus.Span, error) {
	sel := c.selection()
	q := v.ask("")
	q.Reader = c.filter.reader
	share := s.sending.share()
	defer s.sending.unshare(share)
	q.Bytes = min(share, choiceBytes)
	if len(c.filter.categories) > 0 {
		q.Limit = choiceScan / 10 // each read has its price, however little passes
	}
	page := &bus.Span{Last: q.After, Loss: q.Loss}
	for looked, bytes := 0, 0; ; {
		span, err := s.bus.ReadMany(r.Context(), sel, q)
		if err != nil {
			return nil, err
		}
		page.Last, page.Loss, page.More = span.Last, span.Loss, span.More
		for i, e := range span.Entries {
			if !c.filter.passes(e) {
				continue
			}
			page.Entries = append(page.Entries, e)
			if bytes += len(e.XML); len(page.Entries) == v.limit || bytes > q.Bytes {
				page.More = span.More || i+1 < len(span.Entries)
				if !page.More || e.ID == span.Last {
					return page, nil
				}
				page.Last = e.ID
				page.Loss, err = s.bus.LossAt(r.Context(), sel, q, e.ID)
				return page, err
			}
		}
		if looked += len(span.Entries); !span.More || looked >= choiceScan {
			return page, nil
		}
		if q.Newest {
			q.Before = span.Last
		} else {
			q.After, q.Loss = span.Last, span.Loss
		}
	}
}

// describeChoice describes a page of several feeds: their names are its title, its URL is its id.
func (s *site) describeChoice(r *http.Request, c *choice, v view, span *bus.Span) (*feeds.Page, error) {
	base := s.baseOf(r)
	doc := &feeds.Page{Base: base, Cursor: v.cursor(), Members: membersOf(nil, span.Entries)}
	if c.own != "" {
		f, err := s.bus.Feed(r.Context(), c.own)
		if err != nil {
			return nil, err
		}
		doc.Feed, doc.Collection = f.Feed, base+feeds.Path(c.own)
		doc.Feed.UUID = "" // the part of a feed is not the feed
	} else {
		doc.Feed = feeds.Feed{Name: titleOf(c.selection())}
		doc.Collection = base + "/feeds"
	}
	if len(span.Entries) == 0 && doc.Feed.Updated.IsZero() {
		var err error
		if doc.Feed.Updated, err = s.bus.Made(r.Context()); err != nil {
			return nil, err
		}
	}
	for _, e := range span.Entries {
		if e.Edited.After(doc.Feed.Updated) {
			doc.Feed.Updated = e.Edited
		}
	}
	doc.Self = v.urlOf(doc.Collection, c.query)
	if span.More {
		next := v.at(max(v.order, olderThan), span.Last) // the newest ones go on with older ones
		next.loss = span.Loss
		doc.Next = next.urlOf(doc.Collection, c.query)
	}
	whole := view{limit: defaultLimit}
	doc.Collection = whole.urlOf(doc.Collection, c.query)
	return doc, nil
}

// titleOf lists what is selected.
func titleOf(sel bus.Selection) string {
	names := sel.Feeds()
	for _, p := range sel.Prefixes() {
		names = append(names[:len(names):len(names)], p+"*")
	}
	return strings.Join(names, ", ")
}

// urlOf is url with the parameters in query.
func (v *view) urlOf(collection, query string) string {
	url, own, _ := strings.Cut(v.url(collection), "?")
	if own != "" {
		own = "&" + own
	}
	return url + "?" + query + own
}

// writeChoice sends the page. Its feeds' settings stand in it, so its ETag is a digest.
func (s *site) writeChoice(w http.ResponseWriter, r *http.Request, doc *feeds.Page, entries []*bus.Entry, form offer) error {
	out := newOutput(w, r, "choice")
	defer out.release()
	form.describe(w.Header(), typeAtomFeed)
	kind, document := asAtom, feeds.AppendFeed
	if form.kind == kindJSON {
		kind, document = asItem, feeds.AppendJSONFeed
	}
	render := newRendering(s.bus, doc.Base, kind)
	s.stats.read.Add(int64(len(entries)))
	i := 0
	return out.digested(form, document(out.buf, doc, func(dst []byte, m *feeds.Member) []byte {
		for &entries[i].Member != m { // what a form leaves out
			i++
		}
		return append(dst, render.render(r.Context(), entries[i])...)
	}))
}
