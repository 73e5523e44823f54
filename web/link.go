package web

import "net/url"

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
