package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ownSegments are the first segments of the site's own paths.
var ownSegments = []string{"feeds", "service", "openapi.json", "healthz", "readyz", "metrics", "stomp"}

// prefixOf returns the path of a base URL, which other programs pass on with the path of a request
// or take off; "" for none.
func prefixOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.Path, "/")
}

// isOwn reports whether a prefix looks like a path of the site: then it cannot be told whether a
// proxy took it off.
func isOwn(prefix string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(prefix, "/"), "/")
	return slices.Contains(ownSegments, first)
}

// mounted serves a site under a prefix, which it takes off the paths of requests that have it.
func mounted(prefix string, site http.Handler) http.Handler {
	if prefix == "" {
		return site
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site.ServeHTTP(w, unmounted(prefix, r))
	})
}

// unmounted takes a prefix off the path of a request.
func unmounted(prefix string, r *http.Request) *http.Request {
	if rest, ok := strings.CutPrefix(r.URL.Path, prefix); !ok || rest != "" && rest[0] != '/' {
		return r
	}
	// As it was sent, because a slash in a feed's name is %2F. The prefix may have been sent in
	// other words, but with as many slashes.
	escaped := r.URL.EscapedPath()
	for range strings.Count(prefix, "/") {
		_, escaped, _ = strings.Cut(escaped[1:], "/")
		escaped = "/" + escaped
	}
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return r
	}
	inner := r.Clone(r.Context())
	inner.URL.Path, inner.URL.RawPath = path, escaped
	return inner
}
