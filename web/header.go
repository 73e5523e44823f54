package web

import (
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

// header is a header that a STOMP client sent.
type header struct{ Name, Value string }

// headers returns at most at.items headers of a message, and how many it has more. The one that the
// title was made of says it once.
func headers(m *feeds.Message, title string, at place) (shown []header, more int) {
	if m == nil {
		return nil, 0
	}
	if m.Type != "" {
		shown = append(shown, newHeader("content-type", m.Type, at))
	}
	for _, f := range m.Header {
		if f.Name == "title" && f.Value == title {
			continue
		}
		if len(shown) == at.items {
			more++
			continue
		}
		shown = append(shown, newHeader(f.Name, f.Value, at))
	}
	return shown, more
}

func newHeader(name, value string, at place) header {
	return header{clip(name, at), clip(value, at)}
}

// clip cuts what is too long to stand in a list; an excerpt has lines.
func clip(s string, at place) string {
	const line = 200
	longest := at.source
	if at.excerpt {
		longest = line
	}
	short := printable(truncate([]byte(s), longest))
	if len(s) > longest {
		short += "…"
	}
	return short
}

func (v header) node() g.Node {
	return g.Group{h.Dt(bdi(v.Name)), h.Dd(bdi(v.Value))}
}

func headerList(shown []header) g.Node {
	if len(shown) == 0 {
		return nil
	}
	return h.Dl(h.Class("headers"), lines(g.Map(shown, header.node)...))
}
