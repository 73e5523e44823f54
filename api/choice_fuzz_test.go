package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/feeds"
)

// What a request chooses of feeds and categories is bounded, names only what can be, and links keep it.
func FuzzChoice(f *testing.F) {
	for _, query := range []string{"feed=a&feed=b*", "category={urn:x}y&category=z", "feed=*", "category={", "feed=..", "feed=%00*", "x=1;feed=a", strings.Repeat("feed=a&", 200)} {
		f.Add(query)
	}
	s := &site{access: bus.OpenHouse()}
	f.Fuzz(func(t *testing.T, query string) {
		c, err := s.parseChoice(&http.Request{URL: &url.URL{RawQuery: query}})
		if err != nil {
			return
		}
		if len(c.feeds)+len(c.prefixes)+len(c.filter.categories) > maxNames {
			t.Fatalf("%d feeds, %d prefixes and %d categories are named", len(c.feeds), len(c.prefixes), len(c.filter.categories))
		}
		if slices.ContainsFunc(c.feeds, func(name string) bool { return feeds.CheckName(name) != nil }) {
			t.Fatalf("the feeds are %q", c.feeds)
		}
		again, err := s.parseChoice(&http.Request{URL: &url.URL{RawQuery: c.query}})
		if err != nil || again.query != c.query || !slices.Equal(again.feeds, c.feeds) || !slices.Equal(again.prefixes, c.prefixes) ||
			!cmp.Equal(again.filter.categories, c.filter.categories, cmp.AllowUnexported(category{})) {
			t.Fatalf("%q is %+v, and %q is %+v, %v", query, c, c.query, again, err)
		}
	})
}
