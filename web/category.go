package web

import (
	"cmp"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

type category struct{ Name, Scheme string }

func categories(from []feeds.Category) []category {
	var out []category
	for _, f := range from {
		c := category{Name: cmp.Or(f.Label, f.Term), Scheme: f.Scheme}
		if c.Name != "" {
			out = append(out, c)
		}
	}
	return out
}

func (c category) node() g.Node {
	return h.Li(g.If(c.Scheme != "", h.Title(c.Scheme)), bdi(c.Name))
}

func categoryList(shown []category) g.Node {
	if len(shown) == 0 {
		return nil
	}
	return h.Ul(h.Class("tags"), h.Aria("label", "Categories"), lines(g.Map(shown, category.node)...))
}
