package web

import "atommq/feeds"

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
	for _, h := range m.Header {
		if h.Name == "title" && h.Value == title {
			continue
		}
		if len(shown) == at.items {
			more++
			continue
		}
		shown = append(shown, newHeader(h.Name, h.Value, at))
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
