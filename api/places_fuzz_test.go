package api

import (
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"atommq/bus"
)

// Places of archive pages, of queues and of lists are read as they are written in links, and in no
// other way that a cache would keep apart.
func FuzzPlaces(f *testing.F) {
	f.Add("1-128", "5-42", "after=a%2Fb&limit=2")
	f.Add("01-128", "256-0", "before=z&after=y")
	f.Add("0-9223372036854775807", "-", "after=&limit=0")
	f.Add("128-1", "5-+1", "before=%ff")
	f.Fuzz(func(t *testing.T, segment, place, query string) {
		if r, err := archiveRange(segment); err == nil && (r.First < 0 || r.Last < 0 || archiveURL("", r, "") != "/archive/"+segment) {
			t.Fatalf("%q is %+v", segment, r)
		}
		v := browseView{limit: defaultLimit}
		if v.parsePlace(place) == nil {
			again := browseView{limit: defaultLimit}
			link, err := url.Parse(v.next(bus.Place{Rank: v.after.Rank, ID: v.after.ID}, ""))
			if err != nil || again.parsePlace(link.Query().Get("after")) != nil || again != v {
				t.Fatalf("%q is %+v, whose link is %v", place, v, link)
			}
		}
		p, err := parseListView(&http.Request{URL: &url.URL{RawQuery: query}}, "/feeds", 100)
		if err != nil {
			return
		}
		if p.limit < 1 || p.limit > math.MaxInt32 || p.after != "" && p.before != "" {
			t.Fatalf("%q is %+v", query, p)
		}
		_, written, _ := strings.Cut(p.self(), "?")
		if again, err := parseListView(&http.Request{URL: &url.URL{RawQuery: written}}, "/feeds", 100); err != nil || again != p {
			t.Fatalf("%+v written as %q is %+v, %v", p, written, again, err)
		}
	})
}
