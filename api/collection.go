package api

import (
	"net/http"
	"strconv"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

var (
	collectionForms     = []offer{{typ: "application/atom+xml", param: "feed", format: "atom"}, {typ: "application/xml"}, {typ: "text/xml"}}
	collectionHTMLForms = append(collectionForms[:len(collectionForms):len(collectionForms)], offer{typ: typeHTML, format: "html"})
)

// getCollection answers with a page of a feed.
func (s *site) getCollection(w http.ResponseWriter, r *http.Request) error {
	name, err := feedName(r)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Vary"] = varyCollection
	form, format, err := choose(r, s.forms(collectionForms, collectionHTMLForms))
	if err != nil {
		return err
	}
	v, err := parseView(r)
	if err != nil {
		return err
	}
	v.format = format
	p, err := s.readPage(r, name, v)
	if err != nil {
		return err
	}
	describePage(h, r, p)
	if form.typ == typeHTML {
		return s.writePageHTML(w, r, p)
	}
	setModified(h, p.modified(), time.Now())
	tag := pageTag(p)
	if notModified(w, r, tag, p.modified()) {
		return nil
	}
	out := newOutput(w, r, tag)
	defer out.release()
	out.contentType(form, typeAtomFeed)
	s.writePage(out, p)
	return nil
}

// describePage sets the header fields that a 304 carries as well.
func describePage(h http.Header, r *http.Request, p *page) {
	h["Cache-Control"] = noCache
	if p.source.AppendOnly && p.view.order == after && p.more {
		h["Cache-Control"] = immutable
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

// writePage streams the page's feed document: each entry is rendered once for
// all readers, and no more than a chunk is held beside the entries.
func (s *site) writePage(out *output, p *page) {
	doc := out.document(p, s.pages != nil)
	key := formKey(p.collection, &p.source.Feed)
	i := 0
	member := func(dst []byte, m *feeds.Member) []byte {
		e := p.entries[i]
		i++
		form := e.Form(key, func(m *feeds.Member) []byte {
			return feeds.AppendMember(nil, m, &p.source.Feed, p.collection)
		})
		return out.append(dst, form)
	}
	out.finish(feeds.AppendFeed(out.buf, doc, member))
}

// formKey names the rendering of entries under a collection's URL: what AppendMember
// takes from the feed stands in it.
func formKey(collection string, f *feeds.Feed) string {
	if f.Title == "" && f.Author == (feeds.Person{}) {
		return collection
	}
	return collection + "\x00" + f.Title + "\x00" + f.Author.Name + "\x00" + f.Author.URI + "\x00" + f.Author.Email
}

// document describes the page to package feeds. Its members live in out.
func (out *output) document(p *page, html bool) *feeds.Page {
	out.members = membersOf(out.members[:0], p.entries)
	doc := &feeds.Page{
		Feed:       p.source.Feed,
		Collection: p.collection,
		Base:       p.base,
		Self:       p.view.url(p.collection),
		Next:       p.next,
		Previous:   p.previous,
		Members:    out.members,
		Cursor:     p.view.cursor(),
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
	doc := out.document(p, true)
	return out.html(doc.Alternate, func(w http.ResponseWriter) error { return s.pages.Feed(w, doc) })
}
