package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

const forever = "public, max-age=31536000, immutable"

// appendOnly makes x a feed that refuses changes.
func (s *server) appendOnly() {
	s.t.Helper()
	yes := true
	if _, err := s.bus.Configure(context.Background(), "x", bus.Settings{AppendOnly: &yes}); err != nil {
		s.t.Fatal(err)
	}
}

// archive walks from the feed's newest page back to its beginning, and returns the paths and the
// titles of its archive, the oldest first, and the titles of the newest page.
func (s *server) archive() (paths []string, pages [][]string, current []string) {
	s.t.Helper()
	newest := s.get("/feeds/x").want(s.t, http.StatusOK)
	for path := s.linkOf(newest, "prev-archive"); path != ""; {
		a := s.get(path).want(s.t, http.StatusOK)
		paths, pages = append(paths, path), append(pages, titles(s.t, a.body))
		path = s.linkOf(a, "prev-archive")
	}
	slices.Reverse(paths)
	slices.Reverse(pages)
	return paths, pages, titles(s.t, newest.body)
}

func TestTheArchiveIsWalkedFromTheFeedToItsBeginningAndBack(t *testing.T) {
	s := serve(t, Handler{})
	s.appendOnly()
	s.fill(300)
	s.publish("y", "elsewhere")
	paths, pages, current := s.archive()
	slices.Reverse(current)
	seen := make(map[string]bool)
	for _, title := range append(slices.Concat(pages...), current...) {
		seen[title] = true
	}
	for i := range 300 {
		if title := fmt.Sprint("e", i+1); !seen[title] {
			t.Errorf("neither the feed nor its archive has %s", title)
		}
	}
	if d := cmp.Diff([]string{"/feeds/x/archive/0-63", "/feeds/x/archive/64-127", "/feeds/x/archive/128-191", "/feeds/x/archive/192-255"}, paths); d != "" {
		t.Error(d)
	}
	for i, path := range paths {
		a := s.get(path).want(t, http.StatusOK)
		a.wantText(t, `<fh:archive xmlns:fh="http://purl.org/syndication/history/1.0"/>`)
		next, control := "", "no-cache"
		if i+1 < len(paths) {
			next, control = paths[i+1], forever
		}
		if got := s.linkOf(a, "next-archive"); got != next {
			t.Errorf("%s leads to %q, not %q", path, got, next)
		}
		if got := []string{s.linkOf(a, "current"), s.linkOf(a, "self")}; !slices.Equal(got, []string{"/feeds/x", path}) {
			t.Errorf("%s links to %q", path, got)
		}
		a.wantField(t, "Cache-Control", control)
		a.wantField(t, "Vary", "Accept, Accept-Encoding")
		s.get(path, "If-None-Match: "+a.Header.Get("ETag")).want(t, http.StatusNotModified).wantField(t, "Cache-Control", control)
		s.do(http.MethodHead, path, "").want(t, http.StatusOK).wantField(t, "ETag", a.Header.Get("ETag"))
		// A reader of the archive follows the feed from where it ends.
		if i+1 == len(paths) {
			live := s.get("/feeds/x?limit=1", "Xlastid: "+a.Header.Get("Xlastid")).want(t, http.StatusOK)
			if got := titles(t, live.body); !slices.Equal(got, []string{"e256"}) {
				t.Errorf("after the archive comes %s", got)
			}
		}
	}
}

// A final page is the same document for good, whatever comes.
func TestFinalArchivePagesKeepTheirBytes(t *testing.T) {
	s := serve(t, Handler{BaseURL: "http://mq.example"})
	s.appendOnly()
	s.fill(200)
	for _, path := range []string{"/feeds/x/archive/0-63", "/feeds/x/archive/0-63.json", "/feeds/x/archive/0-63?format=cloudevents"} {
		before := s.get(path).want(t, http.StatusOK)
		before.wantField(t, "Cache-Control", forever)
		s.fill(300)
		after := s.get(path).want(t, http.StatusOK)
		if before.body != after.body || before.Header.Get("ETag") != after.Header.Get("ETag") {
			t.Errorf("%s changed:\n%s\n%s", path, before.body, after.body)
		}
	}
}

func TestAnArchivePageThatLostAnEntryHasAnotherETag(t *testing.T) {
	s := serve(t, Handler{})
	member := s.member(s.publish("x", "e1"))
	s.fill(300)
	const path = "/feeds/x/archive/0-63"
	first := s.get(path).want(t, http.StatusOK)
	first.wantField(t, "Cache-Control", "no-cache")
	s.do(http.MethodPut, member, entry("e1b"), atomType).want(t, http.StatusOK)
	second := s.get(path, "If-None-Match: "+first.Header.Get("ETag")).want(t, http.StatusOK)
	if len(titles(t, second.body)) != 62 {
		t.Errorf("%s", titles(t, second.body))
	}
	s.publish("x", "another")
	s.get(path, "If-None-Match: "+second.Header.Get("ETag")).want(t, http.StatusNotModified)
}

func TestOnlyTheDefaultPageLeadsToTheArchive(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(290)
	for path, want := range map[string]string{
		"/feeds/x":               "/feeds/x/archive/192-255",
		"/feeds/x?format=atom":   "/feeds/x/archive/192-255?format=atom",
		"/feeds/x?limit=40":      "/feeds/x/archive/192-255",
		"/feeds/x?limit=30":      "", // what has come since is not all on it
		"/feeds/x?limit=1000":    "",
		"/feeds/x?older-than=99": "",
		"/feeds/x?after=0":       "",
	} {
		if got := s.linkOf(s.get(path).want(t, http.StatusOK), "prev-archive"); got != want {
			t.Errorf("%s leads to %q, not %q", path, got, want)
		}
	}
}

func TestArchivePagesComeInEveryForm(t *testing.T) {
	s := serve(t, Handler{Pages: plainPages{}})
	s.fill(300)
	const path = "/feeds/x/archive/64-127"
	for _, form := range pageHTMLForms {
		a := s.get(path, "Accept: "+form.typ).want(t, http.StatusOK)
		if got, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";"); got != form.typ {
			t.Errorf("%s came as %s", form.typ, got)
		}
	}
	doc := s.jsonFeed(path + ".json")
	if len(doc.Items) != 64 || doc.NextURL != s.url+"/feeds/x/archive/128-191?format=json" {
		t.Errorf("%d items, then %s", len(doc.Items), doc.NextURL)
	}
	s.get(path+"?format=cloudevents").want(t, http.StatusOK).wantField(t, "Link", "<"+s.url+`/feeds/x/archive/128-191?format=cloudevents>; rel="next"`)
	for _, accept := range []string{"image/png", "text/event-stream", "application/x-ndjson"} {
		s.get(path, "Accept: "+accept).want(t, http.StatusNotAcceptable)
	}
}

func TestArchivePagesThatAreNoneSayWhy(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(300)
	for _, path := range []string{"256-319", "0-127", "1-64", "0-0063", "x-63", "63", "0-", "-1-63", "0-9223372036854775807", "0-63.rss"} {
		s.get("/feeds/x/archive/"+path).want(t, http.StatusNotFound).wantText(t, "prev-archive")
	}
	s.get("/feeds/none/archive/0-63").want(t, http.StatusNotFound).wantText(t, "no such feed")
	s.do(http.MethodPost, "/feeds/x/archive/0-63", entry("e")).want(t, http.StatusMethodNotAllowed)
	if _, err := s.bus.Prune(context.Background(), "x", 70); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"0-63", "64-127"} {
		s.get("/feeds/x/archive/"+path).want(t, http.StatusGone).wantText(t, "the oldest entry kept is 71")
	}
}

// What its owner lets go in time must not stay in caches for a year.
func TestPagesOfAFeedThatLetsGoAreNotCachedForGood(t *testing.T) {
	s := serve(t, Handler{})
	s.appendOnly()
	s.fill(300)
	s.get("/feeds/x/archive/64-127").want(t, http.StatusOK).wantField(t, "Cache-Control", forever)
	if _, err := s.bus.Configure(context.Background(), "x", bus.Settings{Keep: &bus.Keep{Age: 24 * time.Hour}}); err != nil {
		t.Fatal(err)
	}
	s.get("/feeds/x/archive/64-127").want(t, http.StatusOK).wantField(t, "Cache-Control", "no-cache")
	s.get("/feeds/x?after=1&limit=2").want(t, http.StatusOK).wantField(t, "Cache-Control", "no-cache")
}

// What caches may keep for good is what the server goes on to give.
func TestPagesThatAreKeptStayByteForByte(t *testing.T) {
	s := serve(t, Handler{})
	s.appendOnly()
	s.fill(300)
	get := func(path string) (body, tag string) {
		a := s.get(path).want(t, http.StatusOK)
		if !strings.Contains(a.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %s", path, a.Header.Get("Cache-Control"))
		}
		return a.body, a.Header.Get("ETag")
	}
	for _, path := range []string{"/feeds/x?after=1&limit=2", "/feeds/x?after=7&limit=20&format=json", "/feeds/x?after=7&format=cloudevents", "/feeds/x/archive/64-127", "/feeds/x/archive/64-127?format=json"} {
		body, tag := get(path)
		s.publish("x", "another")
		again, newTag := get(path)
		if d := cmp.Diff(body, again); d != "" || tag != newTag {
			t.Errorf("%s: %s is %s now: %s", path, tag, newTag, d)
		}
		s.get(path, "If-None-Match: "+tag).want(t, http.StatusNotModified)
	}
}

// Who begins at 0 asks for what is kept: with a cached answer, whose entries are pruned since, it
// would never get on.
func TestTheFirstPageByCursorIsNotCachedForGood(t *testing.T) {
	s := serve(t, Handler{})
	s.appendOnly()
	s.fill(5)
	s.get("/feeds/x?after=0&limit=2").want(t, http.StatusOK).wantField(t, "Cache-Control", "no-cache")
	s.get("/feeds/x?after=1&limit=2").want(t, http.StatusOK).wantField(t, "Cache-Control", "max-age=31536000, immutable")
}
