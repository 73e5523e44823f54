package api

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/feeds"
)

// publishIn posts an entry with categories, each "term" or "scheme term".
func (s *server) publishIn(feed, title string, categories ...string) *answer {
	s.t.Helper()
	var b strings.Builder
	for _, c := range categories {
		scheme, term, ok := strings.Cut(c, " ")
		if !ok {
			scheme, term = "", c
		}
		fmt.Fprintf(&b, `<category scheme="%s" term="%s"/>`, scheme, term)
	}
	return s.do(http.MethodPost, "/feeds/"+feed, `<entry xmlns="http://www.w3.org/2005/Atom"><title>`+title+`</title>`+b.String()+`</entry>`, atomType).want(s.t, http.StatusCreated)
}

var (
	titlePattern = regexp.MustCompile(`<title>(e[^<]*)</title>`)
	nextPattern  = regexp.MustCompile(`<link rel="next"[^>]* href="([^"]*)"`)
)

// walkTitles follows next links, and returns the titles.
func (s *server) walkTitles(path string) (titles []string) {
	s.t.Helper()
	for path != "" {
		a := s.get(path).want(s.t, http.StatusOK)
		for _, m := range titlePattern.FindAllStringSubmatch(a.body, -1) {
			titles = append(titles, m[1])
		}
		path = ""
		if m := nextPattern.FindStringSubmatch(a.body); m != nil {
			path = strings.TrimPrefix(strings.ReplaceAll(m[1], "&amp;", "&"), s.url)
		}
	}
	return titles
}

func TestPagesOfSeveralFeeds(t *testing.T) {
	s := serve(t, Handler{})
	var all, newest, red []string
	for i := range 30 {
		title, feed := fmt.Sprint("e", i), []string{"a", "b", "p", "p&q", "other"}[i%5]
		if i%3 == 0 {
			s.publishIn(strings.ReplaceAll(feed, "&", "%26"), title, "red")
		} else {
			s.publishIn(strings.ReplaceAll(feed, "&", "%26"), title, "blue", "https://s/ red2")
		}
		if feed == "other" {
			continue
		}
		all = append(all, title)
		newest = append([]string{title}, newest...)
		if i%3 == 0 {
			red = append(red, title)
		}
	}
	const group = "/feeds?feed=a&feed=b&feed=p*"
	for path, want := range map[string][]string{
		group + "&after=0":                           all,
		group + "&after=0&limit=7":                   all,
		group + "&limit=4":                           newest,
		group + "&category=red&after=0&limit=2":      red,
		group + "&category=red&category=no&after=0":  red,
		group + "&category={}red&after=0":            red,
		group + "&category={https://s/}red&after=0":  nil,
		"/feeds?feed=none&after=0":                   nil,
		"/feeds?feed=a&feed=a&feed=a*&after=0":       {"e0", "e5", "e10", "e15", "e20", "e25"},
		"/feeds/a?category=red&limit=1":              {"e15", "e0"},
		"/feeds/a?after=0&category=red&limit=1":      {"e0", "e15"},
		"/feeds?feed=a&after=0&category=nothing":     nil,
		"/feeds?feed=a&feed=b&start_at=26&limit=1":   {"e25", "e26"},
		"/feeds?feed=p%26*&after=0&category=blue":    {"e8", "e13", "e23", "e28"},
		"/feeds?feed=*&older-than=4":                 {"e2", "e1", "e0"},
		"/feeds?feed=a&feed=b&format=atom&limit=100": {"e26", "e25", "e21", "e20", "e16", "e15", "e11", "e10", "e6", "e5", "e1", "e0"},
	} {
		if diff := cmp.Diff(want, s.walkTitles(path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	a := s.get(group + "&after=0&limit=2")
	a.wantText(t, "<title>a, b, p*</title>")
	a.wantField(t, "Xlastid", "2")
	a.wantText(t, `href="`+s.url+`/feeds/b/entries/`)
	s.get(group+"&after=0&limit=2", "If-None-Match: "+a.Header.Get("ETag")).want(t, http.StatusNotModified)
	// The cursor goes on where the log ends, past what was looked at in vain.
	s.get(group+"&category=nothing", "Xlastid: 3").wantField(t, "Xlastid", "30")
	s.get(group+"&upto=3").want(t, http.StatusBadRequest).wantText(t, "go one way")
	s.get("/feeds?feed=a", "Accept: image/png").want(t, http.StatusNotAcceptable)
}

// Whoever was shown an entry learns that it is gone, though a tombstone has no categories.
func TestTombstonesPassEveryFilter(t *testing.T) {
	s := serve(t, Handler{})
	created := s.publishIn("x", "e1", "red")
	s.publishIn("x", "e2", "blue")
	s.do(http.MethodDelete, s.member(created), "").want(t, http.StatusNoContent)
	a := s.get("/feeds/x?category=red&after=1").want(t, http.StatusOK)
	if !strings.Contains(a.body, "deleted-entry") || strings.Contains(a.body, "<title>e2<") {
		t.Error(a.body)
	}
}

func TestStreamsOfSomeCategories(t *testing.T) {
	s := serve(t, Handler{})
	s.publishIn("x", "blue", "blue")
	s.publishIn("x", "red", "red")
	events := s.stream(t, "/feeds/x?after=0&category=red", asEvents)
	if got := events.title(); got != "red" {
		t.Errorf("history begins with %q", got)
	}
	s.publishIn("x", "blue too", "blue")
	s.publishIn("x", "red too", "red")
	if got := events.title(); got != "red too" {
		t.Errorf("live comes %q", got)
	}
}

// What is published while a page is read, at whichever moment, is on it or behind its cursor.
func TestTheCursorOfAPageSkipsNothingThatCameWhileItWasRead(t *testing.T) {
	came := &feeds.Entry{XML: []byte(`<entry xmlns="` + feeds.NamespaceAtom + `"><title>came</title><category term="red"/></entry>`)}
	for path, feed := range map[string]string{"/feeds?feed=to-come&feed=x": "to-come", "/feeds/y?category=red": "y"} {
		for moment, over := int64(1), false; !over; moment++ {
			s := serve(t, Handler{})
			s.publishIn("y", "e1", "blue")
			var reads atomic.Int64
			s.store.BeforeRead = func() error {
				if reads.Add(1) != moment {
					return nil
				}
				_, err := s.bus.Publish(t.Context(), bus.Post{Feed: feed, Entry: came})
				return err
			}
			page := s.get(path).want(t, http.StatusOK)
			over = reads.Load() < moment
			cursor := page.Header.Get("Xlastid")
			next := s.get(path, "Xlastid: "+cursor).want(t, http.StatusOK)
			if !over && !strings.Contains(page.body+next.body, "<title>came<") {
				t.Errorf("%s: what came with read %d is not on the page, and skipped by its cursor, %s", path, moment, cursor)
			}
		}
	}
}
