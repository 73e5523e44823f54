package web

import (
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

var (
	newline = g.Text("\n")
	space   = g.Text(" ")
)

// lines returns the nodes that are not nil, each on a line of its own: so a page's source can be
// read, and words that stand side by side stay apart.
func lines(nodes ...g.Node) g.Group {
	out := make(g.Group, 0, 2*len(nodes)+1)
	for _, n := range nodes {
		if n != nil {
			out = append(out, newline, n)
		}
	}
	return append(out, newline)
}

// words returns the nodes that are not nil, with a space between them.
func words(nodes ...g.Node) g.Group {
	var out g.Group
	for _, n := range nodes {
		if n == nil {
			continue
		}
		if len(out) > 0 {
			out = append(out, space)
		}
		out = append(out, n)
	}
	return out
}

// bdi keeps the direction of a publisher's words from turning what stands around them.
func bdi(text string) g.Node { return g.El("bdi", g.Text(text)) }

// lang says the language of a publisher's words, where it is known.
func lang(tag string) g.Node {
	if tag == "" {
		return nil
	}
	return h.Lang(tag)
}

// note is a line of the page's own about what stands around it.
func note(nodes ...g.Node) g.Node { return h.P(h.Class("note"), g.Group(nodes)) }

// term is one entry of a list of terms, on one line.
func term(name string, value g.Node) g.Node {
	return g.Group{h.Dt(g.Text(name)), h.Dd(value)}
}

// arrow is for the eye alone.
func arrow(a string) g.Node { return h.Span(h.Aria("hidden", "true"), g.Text(a)) }
