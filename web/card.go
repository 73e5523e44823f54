package web

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

// place is where an entry is shown, with what it may take up there.
type place struct {
	entry   int  // bytes of its XML that are worth reading
	html    int  // bytes of HTML source read
	source  int  // bytes of text or source shown
	items   int  // authors, categories, links
	clip    int  // bytes of text from which content is clipped; 0 never clips
	lines   int  // lines of text likewise
	excerpt bool // headers on a line each, and nothing that the title says already
}

// onFeedPage is each entry's share of a page of n. HTML costs the most to
// show, so that its share is bounded for the page as well.
func onFeedPage(n int) place {
	return place{
		entry: 1 << 20, html: min(8<<10, 800<<10/max(n, 1)), source: 2 << 10, items: 8, clip: 1000, lines: 16, excerpt: true,
	}
}

var onMemberPage = place{entry: math.MaxInt, html: 512 << 10, source: 1 << 20, items: 1000}

// card is one entry.
type card struct {
	ID          int64
	Href        string // the member's page; of a tombstone there is none
	UUID        string
	Deleted     bool
	Draft       bool // it has no ID
	Title       string
	Lang        string
	Time        stamp // updated; of a tombstone when it was deleted
	Authors     []person
	Categories  []category
	Links       []link
	More        int      // categories and links left out
	Headers     []header // of a message that came through STOMP
	MoreHeaders int      // that are left out
	Summary     content
	Content     content
	File        *file // in place of the content
	Unreadable  bool  // its parts could not be read
}

func (p *Pages) newCard(m *feeds.Member, collection string, at place) card {
	c := card{
		ID:      m.ID,
		Href:    m.URL(collection),
		UUID:    m.UUID,
		Deleted: m.Deleted,
		Draft:   m.Draft(),
		Title:   m.Title,
		Time:    newStamp(m.Updated),
	}
	if m.Deleted {
		c.Time = newStamp(m.Edited)
		return c
	}
	if len(m.XML) > at.entry {
		c.Content = content{Size: size(int64(len(m.XML))), Type: "application/atom+xml", Clipped: true}
		return c
	}
	v, err := feeds.Inspect(m)
	if err != nil {
		c.Unreadable = true
		return c
	}
	p.fill(&c, v, at)
	if c.File = newFile(m, collection); c.File != nil {
		c.Content = content{}
	}
	return c
}

// fill adds what the publisher wrote.
func (p *Pages) fill(c *card, v *feeds.View, at place) {
	base := resolve(c.Href, v.Base)
	c.Lang = v.Lang
	c.Authors = people(v.Authors[:min(len(v.Authors), at.items)], base)
	c.Categories, c.Links = categories(v.Categories), links(v.Links, base)
	c.More = max(len(c.Categories)-at.items, 0) + max(len(c.Links)-at.items, 0)
	c.Categories = c.Categories[:min(len(c.Categories), at.items)]
	c.Links = c.Links[:min(len(c.Links), at.items)]
	c.Headers, c.MoreHeaders = headers(v.Message, c.Title, at)
	c.Summary = p.show(v.Summary, c.Href, at)
	c.Content = p.show(v.Content, c.Href, at)
	// A title made from a post's first line says it once.
	if c.Title != "" && c.Summary.Text == c.Title {
		c.Summary = content{}
	}
	if c.Title != "" && at.excerpt && c.Content.Text == c.Title {
		c.Content = content{}
	}
	c.sayJSONOnce(v, at)
}

// sayJSONOnce leaves out a summary that is the beginning of the JSON below it, and on a feed page
// JSON that is the title already. A server makes both of JSON that brings neither.
func (c *card) sayJSONOnce(v *feeds.View, at place) {
	if _, kind := classify(v.Content.Type); kind != kindJSON {
		return
	}
	json := withoutSpace(truncate(v.Content.Body, at.source))
	summary := strings.TrimSuffix(withoutSpace([]byte(c.Summary.Text)), "…")
	if summary != "" && strings.HasPrefix(json, summary) {
		c.Summary = content{}
	}
	if at.excerpt && json == withoutSpace([]byte(c.Title)) {
		c.Content = content{}
	}
}

func withoutSpace(b []byte) string { return string(bytes.Join(bytes.Fields(b), nil)) }

// clipped reports whether the member's page shows more.
func (c card) clipped() bool { return c.Summary.Clipped || c.Content.Clipped }

// anchor is the entry's fragment on a feed page.
func (c card) anchor() string { return "entry-" + strconv.FormatInt(c.ID, 10) }

func (c card) number() string {
	if c.Draft {
		return "draft"
	}
	return "#" + strconv.FormatInt(c.ID, 10)
}

// node is the card on a feed's page.
func (c card) node() g.Node {
	if c.Deleted {
		return c.tombstone()
	}
	return h.Article(h.Class("card"), h.ID(c.anchor()), h.Data("uuid", c.UUID), h.Aria("labelledby", c.anchor()+"-title"), lines(
		c.headline(),
		c.meta(h.A(h.Class("id"), h.Href(c.Href), g.Text(c.number())), person.name),
		c.unreadable(),
		c.Summary.excerpt("summary"),
		c.Content.excerpt("content"),
		c.File.node(),
		g.If(c.clipped(), c.open(g.Text("Open entry"), h.Span(h.Class("hidden"), g.Text(" "+c.number())), arrow(" →"))),
		headerList(c.Headers),
		g.If(c.MoreHeaders > 0, c.open(g.Text(strconv.Itoa(c.MoreHeaders)+" more headers"))),
		categoryList(c.Categories),
		linkList(c.Links),
		g.If(c.More > 0, c.open(g.Text(strconv.Itoa(c.More)+" more categories and links"))),
	))
}

func (c card) tombstone() g.Node {
	return h.Article(h.Class("tombstone"), h.ID(c.anchor()), h.Data("uuid", c.UUID), lines(
		h.P(words(g.Text(c.number()+" deleted"), c.Time.node())),
	))
}

func (c card) headline() g.Node {
	title := h.A(h.Href(c.Href), g.Text(c.Title))
	if c.Title == "" {
		title = h.A(h.Class("untitled"), h.Lang("en"), h.Href(c.Href), g.Text("untitled"))
	}
	return h.H2(h.ID(c.anchor()+"-title"), h.Dir("auto"), lang(c.Lang), title)
}

// meta says which entry it is, of whom and when.
func (c card) meta(id g.Node, author func(person) g.Node) g.Node {
	said := append(g.Group{id}, g.Map(c.Authors, author)...)
	return h.P(h.Class("meta"), words(append(said, c.Time.node())...))
}

func (c card) unreadable() g.Node {
	if !c.Unreadable {
		return nil
	}
	return note(g.Text("This entry’s content cannot be shown here; its Atom form has it."))
}

// open leads to the member's page, which has more.
func (c card) open(label ...g.Node) g.Node {
	return h.P(h.Class("open"), h.A(h.Href(c.Href), g.Group(label)))
}
