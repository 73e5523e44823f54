package web

import (
	"cmp"
	"net/url"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

// person is an author.
type person struct{ Name, Href string }

func people(from []feeds.Person, base *url.URL) []person {
	var out []person
	for _, f := range from {
		p := person{Name: cmp.Or(f.Name, f.Email)}
		if f.URI != "" {
			p.Href = webURL(base, f.URI)
		} else if f.Email != "" {
			p.Href = webURL(nil, "mailto:"+f.Email)
		}
		if p.Name != "" {
			out = append(out, p)
		}
	}
	return out
}

func (p person) name() g.Node { return h.Span(h.Class("author"), bdi(p.Name)) }

// node is the name, and a link where there is one to follow.
func (p person) node() g.Node {
	if p.Href == "" {
		return p.name()
	}
	return h.Span(h.Class("author"), outward(p.Href, bdi(p.Name)))
}
