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
	Members    []*Member
	Cursor     bool // oldest first, read by cursor
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
	w.element("title", p.Feed.title())
	if p.Feed.Subtitle != "" {
		w.element("subtitle", p.Feed.Subtitle)
	}
	w.date("updated", p.Feed.Updated)
	w.author(p.Feed.author())
	w.element("generator", generator)
	w.link("self", typeFeed, p.Self)
	w.link("alternate", typeHTML, p.Alternate)
	w.link("first", typeFeed, p.First)
	w.link("last", typeFeed, p.Last)
	w.link("next", typeFeed, p.Next)
	w.link("previous", typeFeed, p.Previous)
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
