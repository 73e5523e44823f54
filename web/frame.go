package web

import (
	"unicode/utf8"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// frame is what stands around the content of every page.
type frame struct {
	Title   string
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

const (
	typeAtom    = "application/atom+xml"
	typeService = "application/atomsvc+xml"
)

func newFrame(title, base string) frame {
	return frame{Title: title, Home: base + "/feeds", Service: base + "/service", AtomType: typeAtom}
}

// document is the whole page, with content in its middle.
func (f frame) document(content ...g.Node) g.Node {
	return g.Group{h.Doctype(newline), h.HTML(h.Lang("en"), lines(f.head(), f.body(content))), newline}
}

func (f frame) head() g.Node {
	title := f.Title
	if f.Feed != "" {
		title += " – " + f.Feed
	}
	return h.Head(lines(
		h.Meta(h.Charset("utf-8")),
		h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
		h.Meta(h.Name("color-scheme"), h.Content("light dark")),
		h.TitleEl(g.Text(title+" – AtomMQ")),
		h.Link(h.Rel("icon"), h.Href(icon)),
		f.alternate(),
		h.Link(h.Rel("service"), h.Type(typeService), h.Href(f.Service)),
		g.If(f.Previous != "", h.Link(h.Rel("prev"), h.Href(f.Previous))),
		g.If(f.Next != "", h.Link(h.Rel("next"), h.Href(f.Next))),
		h.StyleEl(g.Raw(stylesheet)),
	))
}

// icon is the page's, as a URL that needs no request.
const icon = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%234338ca'/%3E` +
	`%3Cg fill='none' stroke='%23fff' stroke-width='2'%3E%3Cellipse cx='16' cy='16' rx='11' ry='4.5' transform='rotate(45 16 16)'/%3E` +
	`%3Cellipse cx='16' cy='16' rx='11' ry='4.5' transform='rotate(-45 16 16)'/%3E%3C/g%3E%3Ccircle cx='16' cy='16' r='2.5' fill='%23fff'/%3E%3C/svg%3E`

func (f frame) alternate() g.Node {
	if f.Atom == "" {
		return nil
	}
	return h.Link(h.Rel("alternate"), h.Type(f.AtomType), h.Title(f.AtomName), h.Href(f.Atom))
}

func (f frame) body(content []g.Node) g.Node {
	return h.Body(lines(
		h.A(h.Class("skip"), h.Href("#main"), g.Text("Skip to content")),
		f.header(),
		h.Main(h.ID("main"), lines(content...)),
		f.footer(),
		h.Script(g.Raw(script)),
	))
}

func (f frame) header() g.Node {
	return h.Header(h.Class("site"), lines(
		h.Nav(h.Aria("label", "Site"), lines(
			h.A(h.Class("brand"), h.Href(f.Home), g.Text("AtomMQ")),
			h.A(h.Class("crumb"), h.Href(f.Home), g.Text("All feeds")),
			g.If(f.Feed != "", h.A(h.Class("crumb"), h.Href(f.Up), bdi(f.Feed))),
		)),
	))
}

func (f frame) footer() g.Node {
	return h.Footer(h.Class("site"), lines(
		h.P(g.Text("AtomMQ, a message bus that speaks Atom. "), h.A(h.Href(f.Service), h.Type(typeService), g.Text("Service document"))),
		h.Details(h.ID("keys"), lines(
			h.Summary(g.Text("Keys")),
			h.Dl(h.Class("keys"), lines(
				key("next and previous entry", "j", "k"),
				key("open the entry", "o"),
				key("next and previous page", "n", "p"),
				key("compose an entry", "c"),
				key("pause and resume following", "l"),
				key("these keys", "?"),
			)),
		)),
	))
}

// key says what page.js does on keys.
func key(does string, keys ...string) g.Node {
	names := g.Map(keys, func(k string) g.Node { return h.Kbd(g.Text(k)) })
	return g.Group{h.Dt(words(names...)), h.Dd(g.Text(does))}
}

// pager leads to the pages beside this one, where there are some.
func (f frame) pager() g.Node {
	if f.Previous == "" && f.Next == "" {
		return nil
	}
	return h.Nav(h.Class("pager"), h.Aria("label", "Pages"), lines(
		g.If(f.Previous != "", h.A(h.Rel("prev"), h.Href(f.Previous), arrow("← "), g.Text(f.PreviousLabel))),
		g.If(f.Next != "", h.A(h.Rel("next"), h.Href(f.Next), g.Text(f.NextLabel), arrow(" →"))),
	))
}

// asAtom is Atom for a browser to open: where one URL has several forms, a
// browser's own Accept asks for the page again.
func (f frame) asAtom() string { return f.Atom + "?format=atom" }

func (f frame) atomButton(label string) g.Node {
	return h.A(h.Class("button"), h.Href(f.asAtom()), h.Type(f.AtomType), g.Text(label))
}

// long tells the stylesheet of a title that is more than a headline.
func (f frame) long() g.Node {
	if utf8.RuneCountInString(f.Title) <= 80 {
		return nil
	}
	return h.Class("long")
}

// empty stands where there is nothing to show.
func empty(title string, nodes ...g.Node) g.Node {
	return h.Section(h.Class("empty"), lines(append([]g.Node{h.H2(g.Text(title))}, nodes...)...))
}
