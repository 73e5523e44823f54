package web

import (
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

// exampleFeed is shown where there is none.
const exampleFeed = "mycoolfeed"

type listPage struct {
	frame
	Example string // URL
	How     how
	Rows    []row
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
	v := listPage{frame: newFrame("Feeds", l.Base), Example: l.Base + feeds.Path(exampleFeed)}
	v.How = newHow(v.Example, 0, nil)
	v.Atom, v.AtomName = v.Home, "All feeds"
	v.Next, v.Previous = l.Next, l.Previous
	v.NextLabel, v.PreviousLabel = "Next", "Previous"
	for i := range l.Feeds {
		v.Rows = append(v.Rows, newRow(&l.Feeds[i], l.Base))
	}
	return v
}

func newRow(f *feeds.Feed, base string) row {
	r := row{
		figures:    newFigures(f),
		Href:       base + feeds.Path(f.Name),
		Name:       visible(f.Name),
		AppendOnly: f.AppendOnly,
	}
	if f.Title != f.Name {
		r.Title = f.Title
	}
	return r
}

func (v listPage) node() g.Node {
	if len(v.Rows) == 0 {
		return v.document(v.masthead(nil), v.invitation(), v.pager())
	}
	return v.document(v.masthead(h.P(h.Class("actions"), v.atomButton("Atom list"))), v.table(), v.pager())
}

func (v listPage) masthead(actions g.Node) g.Node {
	return h.Header(h.Class("masthead"), lines(h.H1(g.Text("Feeds")), actions))
}

func (v listPage) invitation() g.Node {
	title := "No feeds yet"
	if v.Previous != "" {
		title = "No feeds here"
	}
	return empty(title, h.P(g.Text("A feed begins with its first entry. Write it on the feed's own page, as on "),
		h.A(h.Href(v.Example), g.Text(exampleFeed)), g.Text(", or post it from a program:")), v.How.node())
}

func (v listPage) table() g.Node {
	column := func(name string, class g.Node) g.Node { return h.Th(h.Scope("col"), class, g.Text(name)) }
	return h.Table(h.Class("feeds"), lines(
		h.THead(h.Tr(column("Name", nil), column("Entries", num), column("Size", num), column("Last change", num))),
		h.TBody(lines(g.Map(v.Rows, row.node)...)),
	))
}

// num is of cells that hold numbers.
var num = h.Class("num")

func (r row) node() g.Node {
	return h.Tr(lines(
		h.Th(h.Scope("row"), words(
			h.A(h.Href(r.Href), bdi(r.Name)),
			g.If(r.Title != "", h.Span(h.Class("title"), h.Dir("auto"), g.Text(r.Title))),
			g.If(r.AppendOnly, h.Span(h.Class("badge"), g.Text("append-only"))),
		)),
		h.Td(num, g.Text(r.Entries), h.Span(h.Class("unit"), g.Text(" "+r.Unit))),
		h.Td(num, g.Text(r.Size)),
		h.Td(num, r.Changed.node()),
	))
}
