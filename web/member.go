package web

import (
	"cmp"
	"strconv"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

type memberPage struct {
	frame
	Card      card
	Name      string
	Published stamp
	Edited    stamp
	AtomID    string
	Source    string // the entry's Atom form
	Rest      bool   // there is more of it than Source
}

// sourceShown bounds what a member's page shows of its Atom form, in bytes.
const sourceShown = 64 << 10

func (p *Pages) memberPage(page *feeds.Page) memberPage {
	m := page.Members[0]
	c := p.newCard(m, page.Collection, onMemberPage)
	title := cmp.Or(c.Title, "Untitled")
	v := memberPage{
		frame:     newFrame(title, page.Base),
		Card:      c,
		Name:      visible(m.Feed),
		Published: newStamp(m.Published),
		Edited:    newStamp(m.Edited),
		AtomID:    m.AtomURI(),
	}
	atom := feeds.AppendMember(nil, m, &page.Feed, page.Collection)
	v.Source, v.Rest = printable(truncate(atom, sourceShown)), len(atom) > sourceShown
	v.Feed, v.Up = feedTitle(&page.Feed), page.Collection
	v.Atom, v.AtomType, v.AtomName = c.Href, typeAtom+";type=entry", title
	return v
}

func (v memberPage) node() g.Node {
	c := v.Card
	return v.document(h.Article(h.Class("member"), lines(
		v.masthead(),
		c.unreadable(),
		c.Summary.within("summary"),
		c.Content.within("content"),
		c.File.node(),
		g.If(c.clipped(), note(g.Text("This is the beginning; the Atom form has the rest."))),
		headerList(c.Headers),
		g.If(c.MoreHeaders > 0, note(g.Text(strconv.Itoa(c.MoreHeaders)+" more headers are in the Atom form."))),
		categoryList(c.Categories),
		linkList(c.Links),
		v.details(),
		v.source(),
	)))
}

func (v memberPage) masthead() g.Node {
	c := v.Card
	title := g.Text(c.Title)
	if c.Title == "" {
		title = h.Span(h.Class("untitled"), h.Lang("en"), g.Text("untitled"))
	}
	return h.Header(h.Class("masthead"), lines(
		h.H1(h.Dir("auto"), v.long(), lang(c.Lang), title),
		c.meta(h.Span(h.Class("id"), g.Text(c.number())), person.node),
		h.P(h.Class("actions"), v.atomButton("Atom entry")),
	))
}

func (v memberPage) details() g.Node {
	c := v.Card
	return h.Section(h.Class("panel details"), h.Aria("labelledby", "details"), lines(
		h.H2(h.ID("details"), g.Text("Details")),
		h.Dl(lines(
			term("Feed", h.A(h.Href(v.Up), bdi(v.Name))),
			g.If(!c.Draft, term("Position", h.Code(g.Text(strconv.FormatInt(c.ID, 10))))),
			moment("Published", v.Published),
			moment("Updated", c.Time),
			moment("Last change", v.Edited),
			term("Atom id", h.Code(bdi(v.AtomID))),
			term("UUID", h.Code(g.Text(c.UUID))),
		)),
	))
}

// moment is a term, unless there is nothing to say.
func moment(name string, at stamp) g.Node {
	if at == (stamp{}) {
		return nil
	}
	return term(name, at.node())
}

func (v memberPage) source() g.Node {
	rest := note(g.Text("This is the beginning; the "), h.A(h.Href(v.asAtom()), g.Text("Atom form")), g.Text(" has the rest."))
	return h.Details(h.Class("panel source"), h.ID("source"), lines(
		h.Summary(g.Text("Source")),
		h.Pre(h.Dir("ltr"), h.Code(g.Text(v.Source))),
		g.If(v.Rest, rest),
	))
}
