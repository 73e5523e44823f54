package api

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/blog/atom"

	"atommq/bus"
)

// titles reads a feed document with an independent parser.
func titles(t testing.TB, body string) []string {
	t.Helper()
	var doc atom.Feed
	if err := xml.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	var out []string
	for _, e := range doc.Entry {
		out = append(out, e.Title)
	}
	return out
}

// linkOf returns the path of a feed document's own link, "" for none.
func (s *server) linkOf(a *answer, rel string) string {
	s.t.Helper()
	var doc batchFeed
	if err := xml.Unmarshal([]byte(a.body), &doc); err != nil {
		s.t.Fatalf("%v in\n%s", err, a.body)
	}
	return strings.TrimPrefix(href(doc.Link, rel), s.url)
}

// walk follows rel from path to its end and returns what each page holds.
func (s *server) walk(path, rel string) (pages []string, end string) {
	s.t.Helper()
	for path != "" {
		a := s.get(path).want(s.t, http.StatusOK)
		pages = append(pages, strings.Join(titles(s.t, a.body), " "))
		end, path = path, s.linkOf(a, rel)
	}
	return pages, end
}

func TestLinksOfAPageBelowTheFirstEntryLeadToIt(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(2)
	for _, path := range []string{"/feeds/x?older-than=0", "/feeds/x?older-than=1"} {
		previous := s.linkOf(s.get(path).want(t, http.StatusOK), "previous")
		if got := titles(t, s.get(previous).want(t, http.StatusOK).body); !slices.Equal(got, []string{"e2", "e1"}) {
			t.Errorf("from %s, %s shows %q", path, previous, got)
		}
	}
}

func TestLinksLeadThroughTheWholeFeedAndBack(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(7)
	for _, test := range []struct {
		name, start   string
		next          []string
		previous      []string
		previousStart string // where that walk leads to
	}{
		{"newest first", "/feeds/x?limit=3", []string{"e7 e6 e5", "e4 e3 e2", "e1"}, []string{"e1", "e4 e3 e2", "e7 e6 e5"}, "/feeds/x?newer-than=4&limit=3"},
		{"even pages", "/feeds/x?limit=7", []string{"e7 e6 e5 e4 e3 e2 e1"}, []string{"e7 e6 e5 e4 e3 e2 e1"}, "/feeds/x?limit=7"},
		{"by cursor", "/feeds/x?after=0&limit=3", []string{"e1 e2 e3", "e4 e5 e6", "e7"}, []string{"e7", "e4 e5 e6", "e1 e2 e3"}, "/feeds/x?upto=3&limit=3"},
		{"from the middle", "/feeds/x?after=5&limit=3", []string{"e6 e7"}, []string{"e6 e7", "e3 e4 e5", "e1 e2"}, "/feeds/x?upto=2&limit=3"},
		{"at the end", "/feeds/x?after=7&limit=3", []string{""}, []string{"", "e5 e6 e7", "e2 e3 e4", "e1"}, "/feeds/x?upto=1&limit=3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pages, end := s.walk(test.start, "next")
			if diff := cmp.Diff(test.next, pages); diff != "" {
				t.Errorf("next (-want +got):\n%s", diff)
			}
			pages, end = s.walk(end, "previous")
			if diff := cmp.Diff(test.previous, pages); diff != "" {
				t.Errorf("previous (-want +got):\n%s", diff)
			}
			if end != test.previousStart {
				t.Errorf("previous leads to %s, want %s", end, test.previousStart)
			}
		})
	}
}

func TestEditsAndDeletionsMoveToTheHead(t *testing.T) {
	s := serve(t, Handler{})
	var members []string
	for i := range 5 {
		members = append(members, s.member(s.publish("x", fmt.Sprintf("e%d", i+1))))
	}
	s.do(http.MethodPut, members[1], entry("e2b"), atomType).want(t, http.StatusOK).wantField(t, "Xlastid", "6")
	s.do(http.MethodDelete, members[3], "").want(t, http.StatusNoContent).wantField(t, "Xlastid", "7")
	a := s.get("/feeds/x?after=2").want(t, http.StatusOK)
	if diff := cmp.Diff([]string{"e3", "e5", "e2b"}, titles(t, a.body)); diff != "" {
		t.Errorf("after 2 (-want +got):\n%s", diff)
	}
	a.wantField(t, "Xlastid", "7")
	a.wantText(t, "deleted-entry")
	pages, _ := s.walk("/feeds/x?limit=2", "next")
	if diff := cmp.Diff([]string{"e2b", "e5 e3", "e1"}, pages); diff != "" {
		t.Errorf("newest first (-want +got):\n%s", diff)
	}
}

func TestACursorReadsOnlyWhatCameAfter(t *testing.T) {
	s := serve(t, Handler{})
	first := s.publish("x", "e1")
	urn := "urn:uuid:" + s.member(first)[len("/feeds/x/entries/"):]
	s.publish("other", "elsewhere") // id 2
	s.publish("x", "e2")            // id 3
	s.publish("x", "e3")            // id 4
	for _, test := range []struct {
		path, field string
		want        string
		xlastid     string
	}{
		{"/feeds/x", "Xlastid: 0", "e1 e2 e3", "4"},
		{"/feeds/x", "Xlastid: 1", "e2 e3", "4"},
		{"/feeds/x", "Xlastid: 2", "e2 e3", "4"},
		{"/feeds/x", "Xlastid: 4", "", "4"},
		{"/feeds/x", "Xlastid: 42", "", "42"},
		{"/feeds/x", "Xlastid: 9223372036854775807", "", "9223372036854775807"},
		{"/feeds/x", "Xlastid: " + urn, "e2 e3", "4"},
		{"/feeds/x", "", "e3 e2 e1", "4"},
		{"/feeds/x?limit=1", "Xlastid: 1", "e2", "3"},
		{"/feeds/x?limit=5000", "Xlastid: 1", "e2 e3", "4"},
		{"/feeds/x?after=1", "", "e2 e3", "4"},
		{"/feeds/x?start_after=1", "", "e2 e3", "4"},
		{"/feeds/x?start_after=" + urn, "", "e2 e3", "4"},
		{"/feeds/x?start_at=" + urn, "", "e1 e2 e3", "4"},
		{"/feeds/x?start_at=3", "", "e2 e3", "4"},
		{"/feeds/x?start_at=0", "", "e1 e2 e3", "4"},
		{"/feeds/x?start_at=5", "", "", "4"},
		{"/feeds/x?older-than=3", "", "e1", ""},
		{"/feeds/x?older-than=0", "", "", ""},
		{"/feeds/x?newer-than=1", "", "e3 e2", ""},
		{"/feeds/x?upto=3", "", "e1 e2", "3"},
		{"/feeds/x?upto=0", "", "", "0"},
		{"/feeds/x?upto=9223372036854775807", "", "e1 e2 e3", "4"},
		{"/feeds/x?utm_source=reader", "", "e3 e2 e1", "4"},
	} {
		t.Run(test.path+" "+test.field, func(t *testing.T) {
			var fields []string
			if test.field != "" {
				fields = append(fields, test.field)
			}
			a := s.get(test.path, fields...).want(t, http.StatusOK)
			if got := strings.Join(titles(t, a.body), " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			a.wantField(t, "Xlastid", test.xlastid)
		})
	}
}

func TestAGapIsAnnounced(t *testing.T) {
	s := serve(t, Handler{})
	first := s.member(s.publish("x", "e1"))
	for i := range 4 {
		s.publish("x", fmt.Sprintf("e%d", i+2))
	}
	if _, err := s.bus.Prune(context.Background(), "x", 2); err != nil {
		t.Fatal(err)
	}
	a := s.get("/feeds/x", "Xlastid: 1", "Accept: application/atom+xml, application/problem+json").want(t, http.StatusGone)
	a.wantText(t, `"oldest":3`)
	a.wantText(t, "Xlastid: 0")
	s.get("/feeds/x?start_after=urn:uuid:"+first[len("/feeds/x/entries/"):]).want(t, http.StatusGone)
	for cursor, want := range map[string]string{"0": "e3 e4 e5", "2": "e3 e4 e5", "3": "e4 e5"} {
		a := s.get("/feeds/x", "Xlastid: "+cursor).want(t, http.StatusOK)
		if got := strings.Join(titles(t, a.body), " "); got != want {
			t.Errorf("Xlastid %s: got %q, want %q", cursor, got, want)
		}
	}
	if a := s.get("/feeds/x?after=2"); s.linkOf(a, "previous") != "" {
		t.Error("a previous link leads to what was pruned")
	}
	pages, _ := s.walk("/feeds/x?limit=2", "next")
	if diff := cmp.Diff([]string{"e5 e4", "e3"}, pages); diff != "" {
		t.Errorf("newest first (-want +got):\n%s", diff)
	}
}

func TestACursorByUUIDOfAChangedEntryIsRefused(t *testing.T) {
	s := serve(t, Handler{})
	edited := s.member(s.publish("x", "e1"))
	deleted := s.member(s.publish("x", "e2"))
	s.do(http.MethodPut, edited, entry("e1b"), atomType).want(t, http.StatusOK)
	s.do(http.MethodDelete, deleted, "").want(t, http.StatusNoContent)
	for path, id := range map[string]string{edited: "3", deleted: "4"} {
		uuid := path[len("/feeds/x/entries/"):]
		s.get("/feeds/x?start_after=urn:uuid:"+uuid).want(t, http.StatusGone).wantText(t, "after="+id)
	}
}

func TestAPollWithTheETagIsAnswered304UntilSomethingChanges(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(3)
	for _, path := range []string{"/feeds/x", "/feeds/x?after=0", "/feeds/x?after=3", "/feeds/x?after=0&limit=2", "/feeds/x?older-than=3"} {
		tag := s.get(path).want(t, http.StatusOK).Header.Get("ETag")
		for _, held := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			a := s.get(path, "If-None-Match: "+held).want(t, http.StatusNotModified)
			a.wantField(t, "ETag", tag)
			a.wantField(t, "Cache-Control", "no-cache")
			a.wantField(t, "Vary", "Accept, Accept-Encoding, Xlastid, A-IM")
		}
		s.get(path, `If-None-Match: "other"`).want(t, http.StatusOK)
		title := "A new title for " + path
		if _, err := s.bus.Configure(context.Background(), "x", bus.Settings{Title: &title}); err != nil {
			t.Fatal(err)
		}
		retitled := s.get(path, "If-None-Match: "+tag).want(t, http.StatusOK).Header.Get("ETag")
		s.publish("x", "more")
		s.get(path, "If-None-Match: "+retitled).want(t, http.StatusOK)
	}
}

// To begin at 0 is to begin with what is kept; at 1, with an entry, as at any other number.
func TestTheFirstEntryIsMissedWhereItWasPrunedAlone(t *testing.T) {
	s := serve(t, Handler{})
	starts := func(status ...int) {
		t.Helper()
		for n, want := range status {
			for _, path := range []string{
				"/feeds/x?", "/feeds/x?category=c&", "/feeds?feed=x&", "/feeds?feed=x&feed=y*&", "/feeds?feed=x*&",
				"/feeds?feed=x&format=sse&", "/feeds/x?format=sse&", "/feeds?feed=x*&format=sse&",
			} {
				// HEAD, because streams do not end.
				s.do(http.MethodHead, fmt.Sprintf("%sstart_at=%d", path, n), "").want(t, want)
			}
		}
	}
	yes, no := true, false
	configure := func(untilAcked *bool) {
		if _, err := s.bus.Configure(t.Context(), "x", bus.Settings{UntilAcked: untilAcked}); err != nil {
			t.Fatal(err)
		}
	}
	configure(&yes)
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	s.fill(4)
	starts(http.StatusOK, http.StatusOK, http.StatusOK)
	s.do(http.MethodDelete, s.path(s.claim("", "e1")[0].Ack), "").want(t, http.StatusNoContent)
	starts(http.StatusOK, http.StatusOK, http.StatusOK) // what was acked is no gap
	configure(&no)
	for _, test := range []struct {
		upTo int64
		tell string
	}{{3, `"oldest":4`}, {4, `"oldest":0`}} {
		if _, err := s.bus.Prune(t.Context(), "x", test.upTo); err != nil {
			t.Fatal(err)
		}
		starts(http.StatusOK, http.StatusGone, http.StatusGone, http.StatusGone)
		s.get("/feeds/x?start_at=1", "Accept: application/problem+json, */*").want(t, http.StatusGone).wantText(t, test.tell)
	}
}

// A client that knows only seconds must not miss an entry of the second it last asked in.
func TestLastModifiedNeverHidesAChange(t *testing.T) {
	s := serve(t, Handler{})
	s.publish("x", "e1")
	f, err := s.bus.Feed(context.Background(), "x")
	if err != nil {
		t.Fatal(err)
	}
	sameSecond := f.Updated.Truncate(time.Second).UTC().Format(http.TimeFormat)
	later := f.Updated.Add(2 * time.Second).UTC().Format(http.TimeFormat)
	s.get("/feeds/x", "If-Modified-Since: "+sameSecond).want(t, http.StatusOK)
	s.get("/feeds/x", "If-Modified-Since: "+later).want(t, http.StatusNotModified)
	s.get("/feeds/x", "If-Modified-Since: "+later, `If-None-Match: "other"`).want(t, http.StatusOK)

	at := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	for now, want := range map[time.Time]string{
		at:                       "",
		at.Add(time.Second):      "", // what was begun before may still be committed
		at.Add(2 * time.Second):  "Fri, 02 Jan 2026 03:04:06 GMT",
		at.Add(999 * time.Hour):  "Fri, 02 Jan 2026 03:04:06 GMT",
		at.Truncate(time.Second): "",
	} {
		h := make(http.Header)
		setModified(h, at, now)
		if got := h.Get("Last-Modified"); got != want {
			t.Errorf("at %v: Last-Modified %q, want %q", now, got, want)
		}
	}
}

// What is acked or pruned goes without a trace, and a setting shows without a date.
func TestAFeedThatChangesWithoutADateTellsNone(t *testing.T) {
	configure := func(s *server, set bus.Settings) {
		if _, err := s.bus.Configure(t.Context(), "x", set); err != nil {
			t.Fatal(err)
		}
	}
	for what, change := range map[string]func(s *server){
		"an ack": func(s *server) {
			s.do(http.MethodDelete, s.path(s.claim("", "e1")[0].Ack), "").want(t, http.StatusNoContent)
		},
		"pruning": func(s *server) {
			if _, err := s.bus.Prune(t.Context(), "x", 1); err != nil {
				t.Fatal(err)
			}
		},
		"a title that is taken back": func(s *server) {
			for _, title := range []string{"A title", ""} {
				configure(s, bus.Settings{Title: &title})
			}
		},
	} {
		s := serve(t, Handler{})
		if what == "an ack" {
			yes := true
			configure(s, bus.Settings{UntilAcked: &yes})
			s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
		}
		s.fill(2)
		seen := time.Now().Add(time.Minute)
		s.setClock(seen)
		change(s)
		a := s.get("/feeds/x", "If-Modified-Since: "+seen.UTC().Format(http.TimeFormat))
		if a.StatusCode != http.StatusOK || a.Header.Get("Last-Modified") != "" {
			t.Errorf("after %s: status %d, Last-Modified %q", what, a.StatusCode, a.Header.Get("Last-Modified"))
		}
	}
}

func TestHEADHasTheFieldsOfGET(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(20)
	member := s.member(s.publish("x", "last"))
	s.setClock(time.Now().Add(time.Minute)) // Last-Modified is told once its second is over
	if s.get(member).Header.Get("Last-Modified") == "" {
		t.Error("no Last-Modified")
	}
	for _, path := range []string{"/feeds/x", "/feeds/x?after=21", "/feeds", "/service", "/", member} {
		for _, coding := range []string{"identity", "gzip"} {
			get := s.get(path, "Accept-Encoding: "+coding).want(t, http.StatusOK)
			head := s.do(http.MethodHead, path, "", "Accept-Encoding: "+coding).want(t, http.StatusOK)
			if head.body != "" {
				t.Errorf("HEAD %s has a body", path)
			}
			for _, h := range []http.Header{get.Header, head.Header} {
				h.Del("Date")
				h.Del("X-Request-Id")
			}
			if diff := cmp.Diff(get.Header, head.Header); diff != "" {
				t.Errorf("%s %s (-GET +HEAD):\n%s", path, coding, diff)
			}
		}
	}
}

func TestGzipHasAnETagOfItsOwn(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(20)
	plain := s.get("/feeds/x").want(t, http.StatusOK)
	packed := s.get("/feeds/x", "Accept-Encoding: gzip").want(t, http.StatusOK)
	if unpack(t, packed) != plain.body {
		t.Error("the gzip form is another document")
	}
	tag := packed.Header.Get("ETag")
	if want := strings.TrimSuffix(plain.Header.Get("ETag"), `"`) + `-gzip"`; tag != want {
		t.Errorf("ETag %s, want %s", tag, want)
	}
	s.get("/feeds/x", "Accept-Encoding: gzip", "If-None-Match: "+tag).want(t, http.StatusNotModified).wantField(t, "ETag", tag)
	small := s.get("/feeds/x?after=20", "Accept-Encoding: gzip").want(t, http.StatusOK)
	small.wantField(t, "Content-Encoding", "")
	s.get("/feeds/x", "Accept-Encoding: gzip;q=0, *").want(t, http.StatusOK).wantField(t, "Content-Encoding", "")
}

func TestFullPagesOfAnAppendOnlyFeedMayBeKept(t *testing.T) {
	s := serve(t, Handler{Pages: plainPages{}})
	s.fill(5)
	s.get("/feeds/x?after=0&limit=2").wantField(t, "Cache-Control", "no-cache")
	yes := true
	if _, err := s.bus.Configure(context.Background(), "x", bus.Settings{AppendOnly: &yes}); err != nil {
		t.Fatal(err)
	}
	s.get("/feeds/x?after=1&limit=2").wantField(t, "Cache-Control", "max-age=31536000, immutable")
	s.get("/feeds/x?after=0&limit=2&format=html").wantField(t, "Cache-Control", "no-cache")
	s.get("/feeds/x?after=3&limit=2").wantField(t, "Cache-Control", "no-cache")
	s.get("/feeds/x?limit=2").wantField(t, "Cache-Control", "no-cache")
}

func TestScriptsInAtomDoNotRunInABrowser(t *testing.T) {
	s := serve(t, Handler{})
	member := s.member(s.publish("x", "e1"))
	for _, path := range []string{"/feeds/x", member, "/feeds", "/service"} {
		a := s.get(path).want(t, http.StatusOK)
		a.wantField(t, "X-Content-Type-Options", "nosniff")
		a.wantField(t, "Content-Security-Policy", sandbox[0])
	}
}

func TestAListWithoutFeedsWasChangedWhenTheBusWasMade(t *testing.T) {
	s := serve(t, Handler{})
	made, err := s.bus.Made(t.Context())
	if err != nil || time.Since(made) > time.Hour {
		t.Fatalf("made %v, %v", made, err)
	}
	updated := "<updated>" + made.Format(time.RFC3339) + "</updated>"
	for _, path := range []string{"/feeds", "/feeds?after=z", "/feeds?feed=none"} {
		a := s.get(path).want(t, http.StatusOK)
		a.wantText(t, updated)
		s.get(path, "If-None-Match: "+a.Header.Get("Etag")).want(t, http.StatusNotModified)
	}
	s.get("/feeds", "Accept: application/json").want(t, http.StatusOK).wantText(t, `{"feeds":[]}`)
	s.publish("x", "e")
	past := s.get("/feeds?after=z").want(t, http.StatusOK)
	past.wantText(t, updated)
}
