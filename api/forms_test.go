package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// jsonFeedDoc is a JSON Feed, https://www.jsonfeed.org/version/1.1/, as far as a reader here needs it.
type jsonFeedDoc struct {
	Version string `json:"version"`
	Title   string `json:"title"`
	NextURL string `json:"next_url"`
	Items   []struct {
		ID, Title   string
		ContentText *string `json:"content_text"`
		AtomMQ      struct {
			ID      int64
			Deleted bool
		} `json:"_atommq"`
	}
}

func (s *server) jsonFeed(path string, fields ...string) jsonFeedDoc {
	s.t.Helper()
	a := s.get(path, fields...).want(s.t, http.StatusOK)
	var doc jsonFeedDoc
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		s.t.Fatalf("%v in %s", err, a.body)
	}
	if doc.Version != "https://jsonfeed.org/version/1.1" || doc.Title == "" {
		s.t.Errorf("no JSON Feed: %s", a.body)
	}
	return doc
}

func TestAJSONFeedIsReadToItsEndByNextURL(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(5)
	for start, want := range map[string]string{
		"/feeds/x?limit=2&format=json":         "e5 e4 e3 e2 e1",
		"/feeds/x.json?limit=2":                "e5 e4 e3 e2 e1",
		"/feeds/x?after=1&limit=3&format=json": "e2 e3 e4 e5",
	} {
		var got []string
		for path := start; path != ""; {
			doc := s.jsonFeed(path)
			for _, item := range doc.Items {
				got = append(got, item.Title)
			}
			path = strings.TrimPrefix(doc.NextURL, s.url)
		}
		if d := cmp.Diff(want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s: %s", start, d)
		}
	}
}

// A reader who does not know of tombstones would show one as an item without content.
func TestAJSONFeedHasTombstonesOnlyForCursors(t *testing.T) {
	s := serve(t, Handler{})
	member := s.member(s.publish("x", "e1"))
	s.publish("x", "e2")
	s.do(http.MethodDelete, member, "").want(t, http.StatusNoContent)
	if doc := s.jsonFeed("/feeds/x.json"); len(doc.Items) != 1 || doc.Items[0].Title != "e2" {
		t.Errorf("%+v", doc)
	}
	doc := s.jsonFeed("/feeds/x.json", "Xlastid: 1")
	if len(doc.Items) != 2 || !doc.Items[1].AtomMQ.Deleted || doc.Items[1].AtomMQ.ID != 3 {
		t.Errorf("%+v", doc)
	}
}

func TestEventsAreReadByLastEventID(t *testing.T) {
	s := serve(t, Handler{})
	member := s.member(s.publish("x", "e1"))
	s.do(http.MethodPost, "/feeds/x", `{"order": 17}`, "Content-Type: application/json", "Slug: e2").want(t, http.StatusCreated)
	s.do(http.MethodDelete, member, "").want(t, http.StatusNoContent)
	const accept = "Accept: application/cloudevents-batch+json"
	for path, want := range map[string]string{
		"/feeds/x":                       `[2: e2 PUT application/json {"order":17} 3:  DELETE  ]`,
		"/feeds/x?lastEventId=0":         `[2: e2 PUT application/json {"order":17} 3:  DELETE  ]`,
		"/feeds/x?lastEventId=2":         `[3:  DELETE  ]`,
		"/feeds/x?lastEventId=3":         `[]`,
		"/feeds/x?limit=1":               `[2: e2 PUT application/json {"order":17}]`,
		"/feeds/x?format=cloudevents":    `[2: e2 PUT application/json {"order":17} 3:  DELETE  ]`,
		"/feeds/x?lastEventId=2&limit=1": `[3:  DELETE  ]`,
	} {
		a := s.get(path, accept).want(t, http.StatusOK)
		a.wantField(t, "Content-Type", "application/cloudevents-batch+json")
		var events []struct {
			ID, Source, Type, Title, Time, Subject, Method string
			SpecVersion, DataContentType                   string
			Data                                           json.RawMessage
		}
		if err := json.Unmarshal([]byte(a.body), &events); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		var got []string
		for _, e := range events {
			if e.SpecVersion != "1.0" || e.Source != s.url+"/feeds/x" || e.Type == "" || e.Time == "" || !strings.HasPrefix(e.Subject, "urn:uuid:") {
				t.Errorf("%+v is no event", e)
			}
			if e.Method == "" {
				e.Method = "PUT"
			}
			got = append(got, fmt.Sprintf("%s: %s %s %s %s", e.ID, e.Title, e.Method, e.DataContentType, e.Data))
		}
		if d := cmp.Diff(want, "["+strings.Join(got, " ")+"]"); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
	s.get("/feeds/x?limit=1", accept).wantField(t, "Link", "<"+s.url+`/feeds/x?after=2&limit=1>; rel="next"`)
	s.get("/feeds/x?lastEventId=x", accept).want(t, http.StatusBadRequest)
	s.get("/feeds/x?lastEventId=1&after=1", accept).want(t, http.StatusBadRequest)
}

func TestSuffixesAskForAForm(t *testing.T) {
	s := serve(t, Handler{Pages: plainPages{}})
	member := s.member(s.publish("x", "e1"))
	s.publish("a%2Fb", "e1")
	const browser = "Accept: text/html"
	for path, want := range map[string]string{
		"/feeds/x.atom":         "application/atom+xml;type=feed;charset=utf-8",
		"/feeds/x.json":         "application/feed+json",
		"/feeds/x.html":         "text/html; charset=utf-8",
		"/feeds/x.json?after=0": "application/feed+json",
		"/feeds/a%2Fb.json":     "application/feed+json",
		member + ".atom":        "application/atom+xml;type=entry;charset=utf-8",
		member + ".json":        "application/json",
		member + ".html":        "text/html; charset=utf-8",
	} {
		for _, accept := range []string{browser, "Accept: image/png", "Accept: */*"} {
			s.get(path, accept).want(t, http.StatusOK).wantField(t, "Content-Type", want)
		}
	}
	s.get("/feeds/x.json?format=json").want(t, http.StatusBadRequest).wantText(t, "both say which form")
	for _, path := range []string{"/feeds/x.rss", "/feeds/y.json", "/feeds/.json", "/feeds/x.JSON", member + ".rss", member + "."} {
		s.get(path).want(t, http.StatusNotFound)
	}
	bare := serve(t, Handler{})
	bare.publish("x", "e1")
	bare.get("/feeds/x.html").want(t, http.StatusBadRequest).wantText(t, "Give one of: atom, json, cloudevents, sse, ndjson;")
}

// A name is a name: who publishes to x.json gets a feed called so, and reads that under its URL.
func TestAFeedWhoseNameEndsLikeASuffixComesFirst(t *testing.T) {
	s := serve(t, Handler{})
	s.publish("x", "of x")
	s.get("/feeds/x.json").want(t, http.StatusOK).wantText(t, "of x")
	s.publish("x.json", "of x.json")
	a := s.get("/feeds/x.json").want(t, http.StatusOK)
	a.wantField(t, "Content-Type", "application/atom+xml;type=feed;charset=utf-8")
	if got := titles(t, a.body); len(got) != 1 || got[0] != "of x.json" {
		t.Error(got)
	}
	if doc := s.jsonFeed("/feeds/x.json.json"); doc.Items[0].Title != "of x.json" {
		t.Errorf("%+v", doc)
	}
	if doc := s.jsonFeed("/feeds/x?format=json"); doc.Items[0].Title != "of x" {
		t.Errorf("%+v", doc)
	}
}

func TestEachFormHasAnETagOfItsOwn(t *testing.T) {
	s := serve(t, Handler{Pages: plainPages{}})
	member := s.member(s.publish("x", strings.Repeat("e", 2000)))
	for path, types := range map[string][]string{
		"/feeds/x": {"application/atom+xml", "application/xml", "text/xml", "text/html", "application/feed+json", "application/json", "application/cloudevents-batch+json"},
		member:     {"application/atom+xml", "application/xml", "text/xml", "text/html", "application/json", "application/cloudevents+json"},
		"/feeds":   {"application/atom+xml", "application/xml", "text/xml", "text/html", "application/json"},
		"/service": {"application/atomsvc+xml", "application/xml", "text/xml"},
	} {
		seen := make(map[string]string)
		for _, typ := range types {
			for _, coding := range []string{"identity", "gzip"} {
				fields := []string{"Accept: " + typ, "Accept-Encoding: " + coding}
				a := s.get(path, fields...).want(t, http.StatusOK)
				if got, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";"); got != typ {
					t.Errorf("%s as %s came as %s", path, typ, got)
				}
				tag := a.Header.Get("ETag")
				if coding == "gzip" && a.Header.Get("Content-Encoding") == "" {
					continue // too short to gain
				}
				if other, ok := seen[tag]; ok || tag == "" || strings.HasPrefix(tag, "W/") {
					t.Errorf("%s as %s, %s has the ETag %s, as %s", path, typ, coding, tag, other)
				}
				seen[tag] = typ + ", " + coding
				s.get(path, append(fields, "If-None-Match: "+tag)...).want(t, http.StatusNotModified).wantField(t, "ETag", tag)
			}
		}
		for tag, form := range seen {
			if !strings.HasPrefix(form, types[0]) {
				s.get(path, "Accept: "+types[0], "If-None-Match: "+tag).want(t, http.StatusOK)
			}
		}
	}
}

func TestA406ListsEveryForm(t *testing.T) {
	s := serve(t, Handler{Pages: plainPages{}})
	member := s.member(s.publish("x", "e1"))
	for path, forms := range map[string][]offer{"/feeds/x": collectionHTMLForms, member: memberHTMLForms, "/feeds": listHTMLForms, "/service": serviceForms} {
		a := s.get(path, "Accept: image/png").want(t, http.StatusNotAcceptable)
		for _, f := range forms {
			a.wantText(t, f.typ)
		}
	}
}

// An ETag that names any form of the current state may guard a change.
func TestTheETagOfAnyFormGuardsAnEdit(t *testing.T) {
	s := serve(t, Handler{})
	member := s.member(s.publish("x", "e1"))
	tag := s.get(member+".json").want(t, http.StatusOK).Header.Get("ETag")
	s.do(http.MethodPut, member, entry("e1b"), atomType, "If-Match: "+tag).want(t, http.StatusOK)
	s.do(http.MethodPut, member, entry("e1c"), atomType, "If-Match: "+tag).want(t, http.StatusPreconditionFailed)
}

func TestPagesNameTheFirstAndTheLast(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(5)
	for path, want := range map[string][2]string{
		"/feeds/x?limit=2":              {"/feeds/x?limit=2", "/feeds/x?newer-than=0&limit=2"},
		"/feeds/x?older-than=3&limit=2": {"/feeds/x?limit=2", "/feeds/x?newer-than=0&limit=2"},
		"/feeds/x?newer-than=0&limit=2": {"/feeds/x?limit=2", "/feeds/x?newer-than=0&limit=2"},
		"/feeds/x?after=2&limit=2":      {"/feeds/x?after=0&limit=2", "/feeds/x?upto=5&limit=2"},
		"/feeds/x?after=5":              {"", ""},
		"/feeds/x":                      {"", ""},
	} {
		a := s.get(path).want(t, http.StatusOK)
		if got := [2]string{s.linkOf(a, "first"), s.linkOf(a, "last")}; got != want {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
	if last, _ := s.walk("/feeds/x?newer-than=0&limit=2", "none"); last[0] != "e2 e1" {
		t.Errorf("the last page holds %s", last[0])
	}
}
