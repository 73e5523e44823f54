package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestTheFormatParameterOutweighsAccept(t *testing.T) {
	const chromium = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	s := serve(t, Handler{Pages: plainPages{}})
	member := s.member(s.publish("x", "e1"))
	for _, test := range []struct{ path, accept, want string }{
		{"/feeds/x?format=atom", chromium, "application/atom+xml;type=feed;charset=utf-8"},
		{"/feeds/x?after=0&f%6Frmat=atom", chromium, "application/atom+xml;type=feed;charset=utf-8"},
		{"/feeds/x?format=html", "Accept: application/atom+xml", "text/html; charset=utf-8"},
		{"/feeds/x?format=atom", "Accept: image/png", "application/atom+xml;type=feed;charset=utf-8"},
		{member + "?format=atom", chromium, "application/atom+xml;type=entry;charset=utf-8"},
		{member + "?format=html", "Accept: */*", "text/html; charset=utf-8"},
		{"/feeds?format=atom", chromium, "application/atom+xml;type=feed;charset=utf-8"},
		{"/feeds?format=json", chromium, "application/json"},
		{"/feeds?format=html", "Accept: application/json", "text/html; charset=utf-8"},
	} {
		a := s.get(test.path, test.accept).want(t, http.StatusOK)
		a.wantField(t, "Content-Type", test.want)
		if vary := a.Header.Get("Vary"); !strings.HasPrefix(vary, "Accept, Accept-Encoding") {
			t.Errorf("%s: Vary %q", test.path, vary)
		}
		s.get(test.path, test.accept, "If-None-Match: "+a.Header.Get("ETag")).want(t, http.StatusNotModified)
	}
}

func TestAnUnknownFormatIsToldTheChoices(t *testing.T) {
	s := serve(t, Handler{Pages: plainPages{}})
	member := s.member(s.publish("x", "e1"))
	for path, choices := range map[string]string{
		"/feeds/x?format=rss":             "atom, json, cloudevents, html, sse, ndjson;",
		"/feeds/x?format=":                "atom, json, cloudevents, html, sse, ndjson;",
		member + "?format=ATOM":           "atom, json, cloudevents, html;",
		"/feeds?format=xml":               "atom, json, html;",
		"/feeds?format=atom&format=atom":  "more than once",
		"/feeds?limit=1&limit=2":          "more than once",
		"/feeds/x?format=atom&after=0&%z": "cannot be read",
	} {
		s.get(path).want(t, http.StatusBadRequest).wantText(t, choices)
	}
	bare := serve(t, Handler{})
	bare.publish("x", "e1")
	bare.get("/feeds/x?format=html").want(t, http.StatusBadRequest).wantText(t, "Give one of: atom, json, cloudevents, sse, ndjson;")
}

func TestLinksKeepTheFormat(t *testing.T) {
	const browser = "Accept: text/html"
	s := serve(t, Handler{Pages: plainPages{}})
	for _, feed := range []string{"x", "y", "z"} {
		for range 3 {
			s.publish(feed, "e")
		}
	}
	for path, links := range map[string]map[string]string{
		"/feeds/x?limit=1&format=atom": {
			"next": "/feeds/x?older-than=3&limit=1&format=atom", "self": "/feeds/x?limit=1&format=atom", "alternate": "/feeds/x?limit=1",
		},
		"/feeds/x?after=1&limit=1&format=atom": {
			"next": "/feeds/x?after=2&limit=1&format=atom", "previous": "/feeds/x?upto=1&limit=1&format=atom", "alternate": "/feeds/x?after=1&limit=1",
		},
		"/feeds?limit=1&after=x&format=atom": {
			"next": "/feeds?after=y&format=atom&limit=1", "previous": "/feeds?before=y&format=atom&limit=1",
		},
	} {
		a := s.get(path, browser).want(t, http.StatusOK)
		for rel, want := range links {
			if got := s.linkOf(a, rel); got != want {
				t.Errorf("%s: link %s leads to %s, want %s", path, rel, got, want)
			}
		}
	}
	for path, atom := range map[string]string{"/feeds/x?format=html": "/feeds/x", "/feeds?format=html": "/feeds"} {
		s.get(path).want(t, http.StatusOK).wantField(t, "Link", "<"+s.url+atom+`>; rel="alternate"; type="application/atom+xml"`)
	}
	s.get("/feeds?limit=1&format=json", browser).want(t, http.StatusOK).wantText(t, `"next":"`+s.url+`/feeds?after=x&format=json&limit=1"`)
}

func TestWithoutPagesABrowserGetsTheServiceDocument(t *testing.T) {
	s := serve(t, Handler{})
	s.get("/", "Accept: text/html,application/xml;q=0.9,*/*;q=0.8").want(t, http.StatusOK).wantField(t, "Content-Type", "application/xml; charset=utf-8")
}
