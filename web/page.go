package web

import (
	"cmp"
	"html/template"
	"net/http"
	"unicode/utf8"

	"atommq/feeds"
)

// frame is what the head and the header of every page need.
type frame struct {
	Title   string
	Style   template.CSS
	Script  template.JS
	Home    string // the list of feeds
	Service string // the service document
	Feed    string // the feed a member's page belongs to, "" elsewhere
	Up      string // URL of that feed

	Atom     string // URL whose Atom form the page shows
	AtomType string
	AtomName string

	Next, Previous           string
	NextLabel, PreviousLabel string
}

// AsAtom is Atom for a browser to open: where one URL has several forms, a
// browser's own Accept asks for the page again.
func (f frame) AsAtom() string { return f.Atom + "?format=atom" }

// Long reports whether the title is more than a headline.
func (f frame) Long() bool { return utf8.RuneCountInString(f.Title) > 80 }

func newFrame(title, base string) frame {
	return frame{
		Title:    title,
		Style:    template.CSS(stylesheet),
		Script:   template.JS(script),
		Home:     base + "/feeds",
		Service:  base + "/service",
		AtomType: "application/atom+xml",
	}
}

// figures sums a feed up.
type figures struct {
	Entries string // 1,234
	Unit    string // "entries"
	Size    string
	Changed stamp
}

func newFigures(f *feeds.Feed) figures {
	v := figures{Entries: count(f.Entries), Unit: "entries", Size: size(f.Bytes), Changed: newStamp(f.Updated)}
	if f.Entries == 1 {
		v.Unit = "entry"
	}
	return v
}

type feedPage struct {
	frame
	figures
	Name       string // shown where the title differs
	Subtitle   string
	Collection string
	Beginning  string // where a reader by cursor starts, "" on a page read by cursor
	Cursor     bool
	Live       bool   // the newest entries, which the page's script adds to
	After      int64  // where it follows from
	Path       string // of the feed, on the server that the page came from
	AppendOnly bool
	Kept       bool  // the feed has entries, here or on another page
	Form       *form // nil where it would be refused
	How        how
	Cards      []card
}

func (p *Pages) feedPage(page *feeds.Page) feedPage {
	f := &page.Feed
	v := feedPage{
		frame:      newFrame(feedTitle(f), page.Base),
		figures:    newFigures(f),
		Subtitle:   f.Subtitle,
		Collection: page.Collection,
		Cursor:     page.Cursor,
		AppendOnly: f.AppendOnly,
		Kept:       f.Entries > 0,
		Live:       !page.Cursor && page.Previous == "",
		After:      f.LastID,
		Path:       pathOf(page.Collection),
	}
	accepts := f.Accepts
	if page.ReadOnly {
		accepts = feeds.Accepts{}
	}
	v.Form, v.How = newForm(f, v.Path, accepts), newHow(page.Collection, f.LastID, accepts)
	if len(page.Members) > 0 {
		v.After = page.Members[0].ID // what came after the page was read is not on it
	}
	if f.Title != "" && f.Title != f.Name {
		v.Name = visible(f.Name)
	}
	v.Atom, v.AtomName = page.Collection, v.Title
	v.Next, v.Previous = page.Next, page.Previous
	v.NextLabel, v.PreviousLabel = "Older", "Newer"
	if page.Cursor {
		v.NextLabel, v.PreviousLabel = "Newer", "Older"
	} else {
		v.Beginning = page.Collection + "?after=0"
	}
	at := onFeedPage(len(page.Members))
	for _, m := range page.Members {
		v.Cards = append(v.Cards, p.newCard(m, page.Collection, at))
	}
	return v
}

type memberPage struct {
	frame
	Card      card
	Name      string
	Published stamp
	Edited    stamp
	AtomID    string
	UUID      string
	Source    string // the entry's Atom form
	Rest      bool   // there is more of it than Source
}

// sourceShown bounds what a member's page shows of its Atom form, in bytes.
const sourceShown = 64 << 10

func (p *Pages) memberPage(page *feeds.Page) memberPage {
	m := page.Members[0]
	c := p.newCard(m, page.Collection, onMemberPage)
	title := c.Title
	if title == "" {
		title = "Untitled"
	}
	v := memberPage{
		frame:     newFrame(title, page.Base),
		Card:      c,
		Name:      visible(m.Feed),
		Published: newStamp(m.Published),
		Edited:    newStamp(m.Edited),
		AtomID:    m.AtomID,
		UUID:      m.UUID,
	}
	if v.AtomID == "" {
		v.AtomID = "urn:uuid:" + m.UUID
	}
	atom := feeds.AppendMember(nil, m, &page.Feed, page.Collection)
	v.Source, v.Rest = printable(truncate(atom, sourceShown)), len(atom) > sourceShown
	v.Feed, v.Up = feedTitle(&page.Feed), page.Collection
	v.Atom, v.AtomType, v.AtomName = c.Href, "application/atom+xml;type=entry", title
	return v
}

type listPage struct {
	frame
	How  how
	Rows []row
}

// row is one feed in the list.
type row struct {
	figures
	Href       string
	Name       string
	Title      string // where it differs from the name
	AppendOnly bool
}

func newListPage(l *feeds.List) listPage {
	v := listPage{
		frame: newFrame("Feeds", l.Base),
		How:   newHow(l.Base+"/feeds/mycoolfeed", 0, nil),
	}
	v.Atom, v.AtomName = v.Home, "All feeds"
	v.Next, v.Previous = l.Next, l.Previous
	v.NextLabel, v.PreviousLabel = "Next", "Previous"
	for i := range l.Feeds {
		f := &l.Feeds[i]
		r := row{
			figures:    newFigures(f),
			Href:       l.Base + feeds.Path(f.Name),
			Name:       visible(f.Name),
			AppendOnly: f.AppendOnly,
		}
		if f.Title != f.Name {
			r.Title = f.Title
		}
		v.Rows = append(v.Rows, r)
	}
	return v
}

// problemPage says why a request was not answered as asked.
type problemPage struct {
	frame
	Status int
	Detail string
}

func newProblemPage(base string, status int, detail string) problemPage {
	return problemPage{frame: newFrame(http.StatusText(status), base), Status: status, Detail: detail}
}

func feedTitle(f *feeds.Feed) string {
	return visible(cmp.Or(f.Title, f.Name))
}
