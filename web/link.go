package web

import (
	"cmp"
	"net/url"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

type link struct{ Name, Href, Rel, Type string }

// links keeps every link; one whose URL a page must not carry shows as text.
func links(from []feeds.Link, base *url.URL) []link {
	var out []link
	for _, f := range from {
		l := link{
			Name: cmp.Or(f.Title, f.Href),
			Href: webURL(base, f.Href),
			Rel:  cmp.Or(f.Rel, "alternate"), // RFC 4287 §4.2.7.2
			Type: f.Type,
		}
		if l.Name != "" {
			out = append(out, l)
		}
	}
	return out
}

func (l link) node() g.Node {
	name := bdi(l.Name)
	if l.Href != "" {
		name = outward(l.Href, name)
	}
	return h.Li(words(
		h.Span(h.Class("rel"), g.Text(l.Rel)),
		name,
		g.If(l.Type != "", h.Span(h.Class("muted"), g.Text(l.Type))),
	))
}

func linkList(shown []link) g.Node {
	if len(shown) == 0 {
		return nil
	}
	return h.Ul(h.Class("links"), h.Aria("label", "Links"), lines(g.Map(shown, link.node)...))
}

// outward leads to a publisher's URL, which is one that webURL returned.
func outward(href string, name g.Node) g.Node {
	return h.A(h.Rel(linkRel), h.Href(href), name)
}

// resolve returns the base URL in force where xml:base is base, in the
// document at self (RFC 3986 §5.1). Without an xml:base there is none: what a
// publisher wrote relative to nothing was not meant relative to this server.
func resolve(self, base string) *url.URL {
	if base == "" {
		return nil
	}
	at, err := url.Parse(self)
	if err != nil {
		return nil
	}
	u, err := at.Parse(base)
	if err != nil {
		return nil
	}
	return u
}

// pathOf returns the path of an absolute URL, as it is escaped there: a page can be reached under
// another name than its links have, and posts to the server that it came from.
func pathOf(absolute string) string {
	u, err := url.Parse(absolute)
	if err != nil {
		return absolute
	}
	return u.EscapedPath()
}

// webURL returns href as an absolute URL that is safe to follow from a page,
// or "": its scheme is http, https or mailto, and a relative one needs a base.
func webURL(base *url.URL, href string) string {
	u, err := url.Parse(href)
	if err != nil {
		return ""
	}
	if !u.IsAbs() {
		if base == nil {
			return ""
		}
		u = base.ResolveReference(u)
	}
	switch u.Scheme {
	case "http", "https":
		if u.Hostname() == "" {
			return ""
		}
	case "mailto":
	default:
		return ""
	}
	return u.String()
}
