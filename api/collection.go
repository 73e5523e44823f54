package api

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// getCollection answers with a page of a feed.
func (s *site) getCollection(w http.ResponseWriter, r *http.Request) error {
	name, err := feedName(r)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Vary"] = varyCollection
	name, suffix, err := s.unsuffixed(r, name)
	if err != nil {
		return err
	}
	if err := s.permit(r, bus.RightRead, name); err != nil {
		return err
	}
	form, format, err := choose(r, suffix, s.forms(collectionForms, collectionHTMLForms))
	if err != nil {
		return err
	}
	c, err := s.parseChoice(r)
	if err != nil {
		return err
	}
	if len(c.feeds)+len(c.prefixes) > 0 {
		return badRequest("feed: the path names a feed already. Several are read at /feeds?feed=a&feed=b.")
	}
	c.own, c.feeds = name, []string{name}
	if form.kind == kindStream {
		return s.getStream(w, r, c, form)
	}
	v, err := parseView(r)
	if err != nil {
		return err
	}
	v.format = format
	if len(c.filter.categories) > 0 {
		return s.getChoice(w, r, c, v, form)
	}
	if form.kind == kindEvent && v.order == newestFirst {
		v.order = after // from the beginning, as http-feeds.org has it
	}
	p, err := s.readPage(w, r, name, v)
	if wait := waitOf(r); wait > 0 && v.order == after && nothingYet(p, err) {
		if p, err = s.readLater(w, r, p, &c, v, wait); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	s.describePage(h, r, p)
	if form.kind == kindHTML {
		return s.writePageHTML(w, r, p)
	}
	now := s.now()
	setModified(h, p.modified(), now)
	tag := pageTag(p) + form.tag
	if done, err := notModified(w, r, tag, p.modified(), now); done || err != nil {
		return err
	}
	d, base, err := s.delta(w, r, p)
	if err != nil {
		return err
	}
	out := newOutput(w, r, tag)
	defer out.release()
	if d != nil {
		p, out.status = d, http.StatusIMUsed
		describeDelta(h, base)
	}
	form.describe(h, typeAtomFeed)
	s.stats.read.Add(int64(len(p.entries)))
	s.writeForm(out, p, form.kind)
	return nil
}

// nothingYet reports whether a page, or why there is none, is one that waiting may change.
func nothingYet(p *page, err error) bool {
	return errors.Is(err, bus.ErrNoFeed) || err == nil && len(p.entries) == 0
}

// readLater reads a page again once there is something on it, or the time to wait for that is over.
// p is the empty one, nil while there is no feed.
func (s *site) readLater(w http.ResponseWriter, r *http.Request, p *page, c *choice, v view, wait time.Duration) (*page, error) {
	if p != nil {
		v = p.view // its cursor is an id
	}
	if v.uuid != "" {
		return nil, bus.ErrNoFeed
	}
	if err := s.await(w, r, c, bus.Cursor{After: v.id}, wait); err != nil {
		return nil, err
	}
	return s.readPage(w, r, c.own, v)
}

// describePage sets the header fields that a 304 carries as well.
func (s *site) describePage(h http.Header, r *http.Request, p *page) {
	h["Cache-Control"] = noCache
	if p.final() {
		h["Cache-Control"] = s.forever(p.source.Name, immutable)
	}
	if id, ok := p.position(); ok {
		h["Xlastid"] = echo(r.Header["Xlastid"], id)
	}
}

// echo returns id as a field value: the request's own where it says the same,
// as it does in most polls.
func echo(given []string, id int64) []string {
	var b [20]byte
	text := strconv.AppendInt(b[:0], id, 10)
	if len(given) == 1 && given[0] == string(text) {
		return given
	}
	return []string{string(text)}
}

// writeForm streams the page's document: each entry is rendered once for all readers, and no more
// than a chunk is held beside the entries.
func (s *site) writeForm(out *output, p *page, k kind) {
	if k == kindEvent {
		linkNext(out.w.Header(), cmp.Or(p.next, p.nextArchive))
	}
	out.finish(s.appendForm(out.buf, out, p, k, out.append))
}

// linkNext tells of the page behind one whose form has no place for links.
func linkNext(h http.Header, url string) {
	if url != "" {
		h["Link"] = []string{"<" + url + `>; rel="next"`}
	}
}

// appendForm appends the page's document to dst, each entry by add. out lends it room.
func (s *site) appendForm(dst []byte, out *output, p *page, k kind, add func(dst, part []byte) []byte) []byte {
	doc := out.document(p, s.pages != nil)
	if p.final() { // what each post changes of the feed is not said on it
		doc.Last, doc.Feed.LastID, doc.Feed.Updated = "", 0, p.entries[len(p.entries)-1].Edited
	}
	switch k {
	case kindJSON:
		return feeds.AppendJSONFeed(dst, doc, p.member(asItem, add))
	case kindEvent:
		return feeds.AppendCloudEvents(dst, doc.Members, p.member(asCloudEvent, add))
	default:
		return feeds.AppendFeed(dst, doc, p.member(asAtom, add))
	}
}

// member returns what writes one of p's entries, in form k, by add.
func (p *page) member(k formKind, add func(dst, part []byte) []byte) func(dst []byte, m *feeds.Member) []byte {
	key := k.key(p.collection, &p.source.Feed)
	i := 0
	return func(dst []byte, m *feeds.Member) []byte {
		for &p.entries[i].Member != m { // what a form leaves out
			i++
		}
		return add(dst, p.entries[i].Form(key, func(m *feeds.Member) []byte { return k.form(m, &p.source.Feed, p.collection) }))
	}
}

// document describes the page to package feeds. Its members live in out.
func (out *output) document(p *page, html bool) *feeds.Page {
	out.members = membersOf(out.members[:0], p.entries)
	doc := &feeds.Page{
		Feed:       p.source.Feed,
		Collection: p.collection,
		Base:       p.base,
		Self:       p.self(),
		First:      p.firstPage,
		Last:       p.lastPage,
		Next:       p.next,
		Previous:   p.previous,
		Members:    out.members,
		Cursor:     p.view.cursor(),
		Delta:      p.delta,

		Archive:     p.isArchive(),
		PrevArchive: p.prevArchive,
		NextArchive: p.nextArchive,
	}
	if doc.Archive {
		doc.Current = p.current()
	}
	if html {
		doc.Alternate = p.negotiated()
	}
	return doc
}

func membersOf(members []*feeds.Member, entries []*bus.Entry) []*feeds.Member {
	for _, e := range entries {
		members = append(members, &e.Member)
	}
	return members
}

func (s *site) writePageHTML(w http.ResponseWriter, r *http.Request, p *page) error {
	w.Header()["Cache-Control"] = noCache // the page's looks may change, if not its entries
	out := newOutput(w, r, strconv.FormatInt(p.source.LastID, 10))
	defer out.release()
	s.stats.read.Add(int64(len(p.entries)))
	doc := out.document(p, true)
	if doc.Archive {
		doc.Next, doc.Previous = doc.NextArchive, doc.PrevArchive
	}
	c := s.caller(r)
	doc.ReadOnly = c.Known() && !c.May(bus.RightPublish, p.source.Name) // a stranger is asked to log in
	return out.html(doc.Alternate, func(w http.ResponseWriter) error { return s.pages.Feed(w, doc) })
}
