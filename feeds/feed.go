package feeds

import (
	"strings"
	"time"
)

// Feed describes a feed to the documents about it.
type Feed struct {
	Name       string // as in its URL, decoded
	UUID       string // permanent; its atom:id is urn:uuid:UUID
	Title      string // "" means Name
	Subtitle   string
	Author     Person // a zero Name means the feed's title
	AppendOnly bool
	Accepts    Accepts    // what may be posted
	Categories Categories // that entries have
	Created    time.Time
	Updated    time.Time // of its last change
	LastID     int64     // id of its newest entry, 0 when it never had one
	Entries    int64     // live entries, tombstones not counted
	Bytes      int64     // of their XML
}

func (f *Feed) title() string {
	if f.Title != "" {
		return f.Title
	}
	return f.Name
}

func (f *Feed) author() Person {
	a := f.Author
	if a.Name == "" {
		a.Name = f.title()
	}
	return a
}

// Page is one document's worth of a feed, in the order it is to be shown.
// The links are absolute URLs; an empty one is left out.
type Page struct {
	Feed       Feed
	Collection string // the feed's own URL, without a query
	Base       string // the site's URL, without a trailing slash
	Self       string
	First      string
	Last       string
	Next       string
	Previous   string
	Alternate  string // the HTML form
	Name       bool   // tell the feed's name, as archives for AtomMQ do
	Members    []*Member
	Cursor     bool // oldest first, read by cursor
	Delta      bool // only what has come since the state that its reader holds, RFC 3229
	ReadOnly   bool // whoever asked for it may not publish to the feed
	// Of an archived feed, RFC 5005 §4. An archive page is as old as its newest member.
	Archive     bool
	Current     string
	PrevArchive string
	NextArchive string
}

// updated returns when the page last changed, so that an archive page stays as it is.
func (p *Page) updated() time.Time {
	if !p.Archive {
		return p.Feed.Updated
	}
	newest := p.Feed.Created
	for _, m := range p.Members {
		if m.Edited.After(newest) {
			newest = m.Edited
		}
	}
	return newest
}

// AppendFeed appends a whole feed document. member appends one member's element, as
// AppendMember does; callers pass their own to serve it from a cache.
//
// Its root declares Atom as the default namespace and nothing else, and has neither xml:base
// nor xml:lang: so an entry reads the same inside of it and alone.
func AppendFeed(dst []byte, p *Page, member func(dst []byte, m *Member) []byte) []byte {
	w := writer{dst: dst}
	w.raw(xmlHeader + `<feed xmlns="` + NamespaceAtom + `">`)
	w.feedID(p)
	if p.Name {
		w.raw(`<mq:feed xmlns:mq="` + NamespaceMQ + `">`)
		w.dst = appendEscapedText(w.dst, p.Feed.Name)
		w.raw("</mq:feed>")
	}
	w.element("title", p.Feed.title())
	if p.Feed.Subtitle != "" {
		w.element("subtitle", p.Feed.Subtitle)
	}
	w.date("updated", p.updated())
	w.author(p.Feed.author())
	w.element("generator", generator)
	w.link("self", typeFeed, p.Self)
	w.link("alternate", typeHTML, p.Alternate)
	w.link("first", typeFeed, p.First)
	w.link("last", typeFeed, p.Last)
	w.link("next", typeFeed, p.Next)
	w.link("previous", typeFeed, p.Previous)
	w.link("current", typeFeed, p.Current)
	w.link("prev-archive", typeFeed, p.PrevArchive)
	w.link("next-archive", typeFeed, p.NextArchive)
	if p.Archive {
		w.raw(`<fh:archive xmlns:fh="` + NamespaceHistory + `"/>`)
	}
	held := 0
	for _, m := range p.Members {
		if len(w.dst)-held+len(m.XML) > maxRun {
			w.raw(gap)
			held = len(w.dst)
		}
		w.dst = append(w.dst, '\n')
		w.dst = member(w.dst, m)
	}
	w.raw("\n</feed>\n")
	return w.dst
}

// gap is a long text, after which libxml2 lets go of what it read: it stands between entries
// whose large tags it might take for one lookup of more than 10,000,000 bytes.
var gap = strings.Repeat("\n", longText)

const generator = "AtomMQ"

// feedID appends the feed's atom:id: its URL as long as it has no UUID, because
// nothing was published to it.
func (w *writer) feedID(p *Page) {
	if p.Feed.UUID == "" {
		w.element("id", p.Collection)
		return
	}
	w.raw("<id>" + urnUUID)
	w.raw(p.Feed.UUID)
	w.raw("</id>")
}
