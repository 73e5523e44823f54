package web

import (
	"cmp"
	"strconv"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

type feedPage struct {
	frame
	figures
	Name       string // shown where the title differs
	Subtitle   string
	Collection string
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
	}
	at := onFeedPage(len(page.Members))
	for _, m := range page.Members {
		v.Cards = append(v.Cards, p.newCard(m, page.Collection, at))
	}
	return v
}

func feedTitle(f *feeds.Feed) string {
	return visible(cmp.Or(f.Title, f.Name))
}

func (v feedPage) node() g.Node {
	return v.document(v.masthead(), v.liveBar(), v.invitation(), v.entries(), v.pager())
}

func (v feedPage) masthead() g.Node {
	return h.Header(h.Class("masthead"), lines(
		h.H1(h.Dir("auto"), v.long(), g.Text(v.Title)),
		g.If(v.Name != "", h.P(h.Class("name"), h.Code(bdi(v.Name)))),
		g.If(v.Subtitle != "", h.P(h.Class("subtitle"), h.Dir("auto"), g.Text(v.Subtitle))),
		v.facts(),
		v.actions(),
	))
}

func (v feedPage) facts() g.Node {
	changed := v.Changed.node()
	return h.Ul(h.Class("facts"), lines(
		h.Li(g.Text(v.Entries+" "+v.Unit)),
		h.Li(g.Text(v.Size)),
		g.If(changed != nil, h.Li(g.Text("changed "), changed)),
		g.If(v.AppendOnly, h.Li(g.Text("append-only"))),
	))
}

func (v feedPage) actions() g.Node {
	var other g.Node
	switch {
	case v.Cursor:
		other = h.A(h.Class("button"), h.Href(v.Collection), g.Text("Newest first"))
	case len(v.Cards) > 0:
		other = h.A(h.Class("button"), h.Href(v.Collection+"?after=0"), g.Text("From the beginning"))
	}
	return h.P(h.Class("actions"), words(v.atomButton("Atom feed"), other))
}

// liveBar is where page.js says that it follows the feed; without scripts it stays hidden.
func (v feedPage) liveBar() g.Node {
	if !v.Live {
		return nil
	}
	return h.P(h.Class("live"), h.ID("live"), h.Role("status"), hidden, words(
		h.Span(h.Class("state"), g.Text("Live")),
		h.Button(h.Type("button"), h.Class("button pause"), g.Text("Pause")),
		h.Button(h.Type("button"), h.Class("button fresh"), hidden, g.Text("0 new")),
	))
}

var hidden = g.Attr("hidden")

// invitation says what can be done with the feed: behind a summary where there are entries to
// read, openly where there are none.
func (v feedPage) invitation() g.Node {
	switch {
	case len(v.Cards) > 0 && v.Form != nil:
		return panel("Post to this feed", v.Form.node(), h.Details(h.Class("nested"), lines(
			h.Summary(g.Text("from a program")),
			v.How.node(),
		)))
	case len(v.Cards) > 0 && v.How.posts():
		return panel("Post to this feed", v.How.node())
	case len(v.Cards) > 0:
		return panel("Follow this feed", v.How.node())
	case v.Cursor:
		return empty("Nothing newer", h.P(g.Text("You have read to the end of this feed. Reload this page for what is posted next.")))
	case v.Kept:
		return empty("Nothing older", h.P(g.Text("You have read to the beginning of what this feed keeps. "),
			h.A(h.Href(v.Collection), g.Text("Go to the newest entries"))))
	case v.Form != nil || v.How.posts():
		return empty("No entries yet", h.P(g.Text("Post the first one:")), v.Form.node(), v.How.node())
	default:
		return empty("No entries yet", h.P(g.Text("Nothing can be posted here.")), v.How.node())
	}
}

func panel(summary string, nodes ...g.Node) g.Node {
	return h.Details(h.Class("panel"), lines(append([]g.Node{h.Summary(g.Text(summary))}, nodes...)...))
}

// entries is there without any too where page.js may add some.
func (v feedPage) entries() g.Node {
	if len(v.Cards) == 0 && !v.Live {
		return nil
	}
	label := "Entries, newest first"
	if v.Cursor {
		label = "Entries, oldest first"
	}
	from := g.Group{h.Data("feed", v.Path), h.Data("after", strconv.FormatInt(v.After, 10))}
	return h.Section(h.Class("entries"), h.ID("entries"), g.If(v.Live, from), h.Aria("label", label),
		lines(g.Map(v.Cards, card.node)...))
}
