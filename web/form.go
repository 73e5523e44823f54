package web

import (
	"cmp"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

// typeFields is the media type that a form posts.
const typeFields = "application/x-www-form-urlencoded"

// form is what a person fills in to publish.
type form struct {
	Action     string // path that it posts to
	Fixed      bool   // the categories are the feed's own
	Categories []option
}

// option is one to choose.
type option struct{ Value, Name string }

// newForm returns the form of a feed, nil where what it posts is not accepted.
func newForm(f *feeds.Feed, action string, accepts feeds.Accepts) *form {
	if !accepts.Allow(typeFields, "") {
		return nil
	}
	v := &form{Action: action, Fixed: f.Categories.Fixed}
	if v.Fixed {
		for _, c := range f.Categories.List {
			v.Categories = append(v.Categories, option{c.Term, cmp.Or(c.Label, c.Term)})
		}
	}
	return v
}

func (f *form) node() g.Node {
	if f == nil {
		return nil
	}
	return h.Form(h.Class("post"), h.ID("post"), h.Method("post"), h.Action(f.Action), lines(
		field("Title", h.Input(h.Name("title"), h.MaxLength("1000"), h.Dir("auto"))),
		field("Content", h.Textarea(h.Name("content"), h.Rows("5"), h.Dir("auto"))),
		h.Div(h.Class("row"), lines(
			field("Kind", h.Select(h.Name("type"), lines(option{"text", "text"}.node(), option{"html", "HTML"}.node()))),
			field("Author", h.Input(h.Name("author"), h.MaxLength("200"), h.AutoComplete("name"), h.Dir("auto"))),
			f.category(),
			h.Button(h.Class("button"), g.Text("Publish")),
		)),
	))
}

// category is chosen among the feed's own where those are fixed.
func (f *form) category() g.Node {
	switch {
	case !f.Fixed:
		return field("Category", h.Input(h.Name("category"), h.MaxLength("200"), h.Dir("auto")))
	case len(f.Categories) == 0:
		return nil
	}
	options := append([]option{{"", "none"}}, f.Categories...)
	return field("Category", h.Select(h.Name("category"), h.Dir("auto"), lines(g.Map(options, option.node)...)))
}

func field(label string, input g.Node) g.Node { return h.Label(g.Text(label+" "), input) }

func (o option) node() g.Node { return h.Option(h.Value(o.Value), g.Text(o.Name)) }
