package api

import (
	"context"
	"hash/fnv"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"atommq/bus"
	"atommq/feeds"
)

var archiveForever = []string{"public, max-age=31536000, immutable"}

// forever returns how long caches may keep what never changes in a feed: for good; those that many
// share, only what everybody may read.
func (s *site) forever(feed string, everybodys []string) []string {
	if s.access.Anonymous().May(bus.RightRead, feed) {
		return everybodys
	}
	return privateForever
}

// archiveURL returns the URL of a page of a collection's archive, "" for none.
func archiveURL(collection string, r bus.Range, format string) string {
	if r == (bus.Range{}) {
		return ""
	}
	u := collection + "/archive/" + strconv.FormatInt(r.First, 10) + "-" + strconv.FormatInt(r.Last, 10)
	if format != "" {
		u += "?format=" + url.QueryEscape(format)
	}
	return u
}

// archiveRange reads the last segment of an archive page's URL.
func archiveRange(segment string) (bus.Range, error) {
	first, last, _ := strings.Cut(segment, "-")
	from, err := parseID(first)
	if err != nil {
		return bus.Range{}, bus.ErrNoArchive
	}
	to, err := parseID(last)
	if err != nil || archiveURL("", bus.Range{First: from, Last: to}, "") != "/archive/"+segment {
		return bus.Range{}, bus.ErrNoArchive
	}
	return bus.Range{First: from, Last: to}, nil
}

// getArchive answers with a full page of a feed, RFC 5005 §4.
func (s *site) getArchive(w http.ResponseWriter, r *http.Request) error {
	name, err := feedName(r)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Vary"] = varyAccept
	segment, suffix := cutSuffix(chi.URLParam(r, "range"))
	form, format, err := choose(r, suffix, s.forms(pageForms, pageHTMLForms))
	if err != nil {
		return err
	}
	ids, err := archiveRange(segment)
	if err != nil {
		return err
	}
	f, err := s.bus.Feed(r.Context(), name)
	if err != nil {
		return err
	}
	h["Xlastid"] = echo(nil, ids.Last)
	if keepsArchive(f, ids) && form.kind != kindHTML {
		if doc := s.archives.get(keyOf(f, ids, s.baseOf(r), format, form)); doc != nil {
			return s.sendArchive(w, r, name, doc, form)
		}
	}
	a, err := s.bus.Archive(r.Context(), name, ids)
	if err != nil {
		return err
	}
	if err := s.hold(w, a.Entries...); err != nil {
		return err
	}
	p := s.archivePage(r, a, format)
	h["Cache-Control"] = noCache
	if form.kind == kindHTML {
		return s.writePageHTML(w, r, p)
	}
	if a.Final && keepsArchive(a.Feed, ids) {
		doc := s.writeArchive(w, r, p, form)
		s.archives.put(doc)
		return s.sendArchive(w, r, name, doc, form)
	}
	tag := finalTag(p, p.archive.Last) + form.tag
	if done, err := notModified(w, r, tag, p.modified(), s.now()); done || err != nil {
		return err
	}
	out := newOutput(w, r, tag)
	defer out.release()
	form.describe(h, typeAtomFeed)
	s.stats.read.Add(int64(len(p.entries)))
	s.writeForm(out, p, form.kind)
	return nil
}

// writeArchive writes out a final page, which is 4 MiB or one entry.
func (s *site) writeArchive(w http.ResponseWriter, r *http.Request, p *page, form offer) *archiveDoc {
	out := newOutput(w, r, "")
	defer out.release()
	body := s.appendForm(nil, out, p, form.kind, func(dst, part []byte) []byte { return append(dst, part...) })
	key := keyOf(p.source, p.archive, p.base, p.view.format, form)
	return &archiveDoc{key: key, tag: finalTag(p, p.archive.Last) + form.tag, next: p.nextArchive, size: len(p.entries), body: body}
}

// sendArchive sends a final page of a feed.
func (s *site) sendArchive(w http.ResponseWriter, r *http.Request, feed string, doc *archiveDoc, form offer) error {
	h := w.Header()
	h["Cache-Control"] = s.forever(feed, archiveForever)
	if done, err := sameState(w, r, doc.tag); done || err != nil {
		return err
	}
	s.stats.read.Add(int64(doc.size))
	out := newOutput(w, r, doc.tag)
	defer out.release()
	form.describe(h, typeAtomFeed)
	if form.kind == kindEvent {
		linkNext(h, doc.next)
	}
	out.send(doc.body)
	return nil
}

func (s *site) archivePage(r *http.Request, a *bus.Archive, format string) *page {
	base := s.baseOf(r)
	collection := base + feeds.Path(a.Feed.Name)
	return &page{
		view: view{order: after, format: format}, source: a.Feed, entries: a.Entries, base: base, collection: collection,
		archive: a.Range, prevArchive: archiveURL(collection, a.Previous, format), nextArchive: archiveURL(collection, a.Next, format),
	}
}

// linkArchive sets the link from the newest page to the archive: only where the page holds all that
// has come since, so that the two are the whole feed.
func (s *site) linkArchive(ctx context.Context, p *page) error {
	last, since, err := s.bus.LastArchive(ctx, p.source.Name)
	if err != nil {
		return err
	}
	if len(p.entries) >= since {
		p.prevArchive = archiveURL(p.collection, last, p.view.format)
	}
	return nil
}

// finalTag returns the opaque ETag of a page that the feed's further entries do not change, and
// that ends with the id last: a digest of its entries' ids, of which each names one state of one
// entry, and of what else the page is made from.
func finalTag(p *page, last int64) string {
	d := fnv.New64a()
	var b [128]byte
	text := b[:0]
	for _, e := range p.entries {
		text = append(strconv.AppendInt(text, e.ID, 36), '.')
		if len(text) > 64 {
			_, _ = d.Write(text) // a hash never fails
			text = b[:0]
		}
	}
	_, _ = d.Write(append(text, 0))
	f := p.source
	for _, s := range [...]string{p.self(), p.next, p.previous, p.prevArchive, p.nextArchive, f.Title, f.Subtitle, f.Author.Name, f.Author.URI, f.Author.Email} {
		_, _ = d.Write(append(append(b[:0], s...), 0))
	}
	tag := strconv.AppendInt(b[:0], last, 10)
	return string(strconv.AppendUint(append(tag, '-'), d.Sum64(), 36))
}
