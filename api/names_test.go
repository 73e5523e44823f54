package api

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var awkwardNames = []string{
	"a b", "ü", "x@y", "a/b", "a//b", "/", "<&", "100%", "+", ";", "?", "#", "%2F", "a%20b", "...", "feeds", "entries", "a/entries/b",
	`"quoted"`, "'", `\`, ":", "a=b&c", "*", "{feed}", "日本", "Case", "case", "~", "!$()", ".dead", "x.", "é", "e\u0301", "\u2028",
	strings.Repeat("n", 255), strings.Repeat("ü", 127),
}

func TestEveryNameRoundTripsThroughEveryLink(t *testing.T) {
	s := serve(t, Handler{})
	for _, name := range awkwardNames {
		collection := "/feeds/" + url.PathEscape(name)
		created := s.do(http.MethodPost, collection, entry("one"), atomType).want(t, http.StatusCreated)
		s.do(http.MethodPost, collection, entry("two"), atomType).want(t, http.StatusCreated)
		member := s.member(created)
		s.get(member).want(t, http.StatusOK).wantText(t, "<title>one</title>")
		if pages, _ := s.walk(collection+"?limit=1", "next"); !slices.Equal(pages, []string{"two", "one"}) {
			t.Errorf("%q: pages %q", name, pages)
		}
		edit := s.entryLink(s.get(collection+"?after=0"), "edit")
		s.do(http.MethodPut, edit, entry("edited"), atomType).want(t, http.StatusOK)
		s.do(http.MethodDelete, edit, "").want(t, http.StatusNoContent)
	}
	wanted := slices.Sorted(slices.Values(awkwardNames))
	if diff := cmp.Diff(wanted, s.listed("/feeds?limit=5", "next")); diff != "" {
		t.Errorf("next through the list (-want +got):\n%s", diff)
	}
	for _, path := range s.collections() {
		s.get(path).want(t, http.StatusOK)
	}
}

// entryLink returns the path of a link of the first entry.
func (s *server) entryLink(a *answer, rel string) string {
	s.t.Helper()
	var doc batchFeed
	if err := xml.Unmarshal([]byte(a.body), &doc); err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimPrefix(href(doc.Entry[0].Link, rel), s.url)
}

type listPage struct {
	Feeds []struct {
		Name, Href string
	}
	Next, Previous string
}

// listed walks through the list of feeds as JSON.
func (s *server) listed(path, rel string) []string {
	s.t.Helper()
	var names []string
	for path != "" {
		a := s.get(path, "Accept: application/json").want(s.t, http.StatusOK)
		var page listPage
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			s.t.Fatal(err)
		}
		var onPage []string
		for _, f := range page.Feeds {
			s.get(strings.TrimPrefix(f.Href, s.url)).want(s.t, http.StatusOK)
			onPage = append(onPage, f.Name)
		}
		link := page.Next
		if rel == "previous" {
			slices.Reverse(onPage)
			link = page.Previous
		}
		names = append(names, onPage...)
		path = strings.TrimPrefix(link, s.url)
	}
	return names
}

// collections returns the paths that the service document names.
func (s *server) collections() []string {
	s.t.Helper()
	var doc struct {
		Collections []struct {
			Href string `xml:"href,attr"`
		} `xml:"http://www.w3.org/2007/app workspace>collection"`
	}
	a := s.get("/service").want(s.t, http.StatusOK)
	a.wantField(s.t, "Content-Type", "application/atomsvc+xml; charset=utf-8")
	if err := xml.Unmarshal([]byte(a.body), &doc); err != nil {
		s.t.Fatal(err)
	}
	var paths []string
	for _, c := range doc.Collections {
		paths = append(paths, strings.TrimPrefix(c.Href, s.url))
	}
	if len(paths) != len(awkwardNames) {
		s.t.Errorf("the service document names %d collections, want %d", len(paths), len(awkwardNames))
	}
	return paths
}

func TestTheListGoesBothWays(t *testing.T) {
	s := serve(t, Handler{})
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		s.publish(name, "t")
	}
	for _, test := range []struct{ start, rel, want string }{
		{"/feeds", "next", "a b c d e"},
		{"/feeds?limit=2", "next", "a b c d e"},
		{"/feeds?limit=5", "next", "a b c d e"},
		{"/feeds?after=c", "next", "d e"},
		{"/feeds?after=bb&limit=1", "next", "c d e"},
		{"/feeds?after=e&limit=2", "previous", ""},
		{"/feeds?after=c&limit=2", "previous", "e d c b a"},
		{"/feeds?before=c&limit=1", "previous", "b a"},
		{"/feeds?before=c&limit=1", "next", "b c d e"},
		{"/feeds?before=a", "next", ""},
	} {
		if got := strings.Join(s.listed(test.start, test.rel), " "); got != test.want {
			t.Errorf("%s, %s: %q, want %q", test.start, test.rel, got, test.want)
		}
	}
	tag := s.get("/feeds").Header.Get("ETag")
	s.get("/feeds", "If-None-Match: "+tag).want(t, http.StatusNotModified)
	s.publish("a", "another")
	s.get("/feeds", "If-None-Match: "+tag).want(t, http.StatusOK)
}
