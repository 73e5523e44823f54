package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const everySetting = `{
  "title": "News & more",
  "subtitle": "S",
  "author": {
    "name": "N",
    "uri": "https://example.org/",
    "email": "n@example.org"
  },
  "accepts": [
    "image/*",
    "application/atom+xml;type=entry"
  ],
  "categories": {
    "fixed": true,
    "scheme": "https://example.org/topics",
    "list": [
      {
        "term": "a",
        "label": "A"
      },
      {
        "term": "b",
        "scheme": "urn:b"
      }
    ]
  },
  "append_only": true,
  "until_acked": true,
  "keep": {
    "age": 3600,
    "entries": 10,
    "bytes": 1000000
  }
}
`

func TestSettingsAreReadAsTheyWereSet(t *testing.T) {
	s := serve(t, Handler{})
	made := s.do(http.MethodPut, "/feeds/x/settings", everySetting).want(t, http.StatusCreated)
	made.wantField(t, "Location", s.url+"/feeds/x")
	a := s.get("/feeds/x/settings").want(t, http.StatusOK)
	var sent, want any
	if json.Unmarshal([]byte(a.body), &sent) != nil || json.Unmarshal([]byte(everySetting), &want) != nil {
		t.Fatal("not JSON")
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("settings (-put +get):\n%s", diff)
	}
	a.wantField(t, "Etag", made.Header.Get("Etag"))
	s.get("/feeds/x/settings", "If-None-Match: "+a.Header.Get("Etag")).want(t, http.StatusNotModified)
	page := s.get("/feeds/x").want(t, http.StatusOK)
	page.wantText(t, "<title>News &amp; more</title><subtitle>S</subtitle>")

	again := s.do(http.MethodPut, "/feeds/x/settings", a.body, "If-Match: "+a.Header.Get("Etag"), "Content-Type: application/json").want(t, http.StatusOK)
	s.do(http.MethodPut, "/feeds/x/settings", "{}", "If-Match: "+a.Header.Get("Etag")).want(t, http.StatusPreconditionFailed)
	s.do(http.MethodPut, "/feeds/x/settings", "{}", "If-None-Match: *").want(t, http.StatusPreconditionFailed)
	s.do(http.MethodPut, "/feeds/y/settings", "{}", "If-Match: *").want(t, http.StatusPreconditionFailed)
	s.do(http.MethodPut, "/feeds/x/settings", "{}", "If-Match: "+again.Header.Get("Etag")).want(t, http.StatusOK)
	bare := s.get("/feeds/x/settings").want(t, http.StatusOK)
	for _, want := range []string{`"title": ""`, `"accepts": null`, `"fixed": false`, `"append_only": false`, `"until_acked": true`, `"age": 0`} {
		bare.wantText(t, want)
	}
	s.do(http.MethodPut, "/feeds/y/settings", "{}", "If-None-Match: *").want(t, http.StatusCreated)
}

func TestAFeedTakesWhatItsSettingsSay(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, "/feeds/x/settings", `{"accepts":["image/*"]}`).want(t, http.StatusCreated)
	s.postMedia("image/png", "x")
	s.do(http.MethodOptions, "/feeds/x", "").want(t, http.StatusNoContent).wantField(t, "Accept-Post", "image/*")
	a := s.do(http.MethodPost, "/feeds/x", entry("a"), atomType).want(t, http.StatusUnsupportedMediaType)
	a.wantField(t, "Accept-Post", "image/*")
	s.do(http.MethodPost, "/feeds/x", "text", "Content-Type: text/plain").want(t, http.StatusUnsupportedMediaType)
	s.do(http.MethodPost, "/feeds/x", "{}", "Content-Type: application/json").want(t, http.StatusUnsupportedMediaType)
	s.do(http.MethodPost, "/feeds/x", "\x00", "Content-Type: application/octet-stream").want(t, http.StatusUnsupportedMediaType)
	s.get("/service").wantText(t, "<atom:title>x</atom:title><accept>image/*</accept></collection>")
	s.do(http.MethodPut, "/feeds/x/settings", `{"accepts":[]}`).want(t, http.StatusOK)
	s.do(http.MethodPost, "/feeds/x", "x", "Content-Type: image/png").want(t, http.StatusMethodNotAllowed)
	s.get("/service").wantText(t, "<atom:title>x</atom:title><accept/></collection>")
	s.do(http.MethodPut, "/feeds/x/settings", `{"accepts":["text/*", "application/atom+xml;type=feed", "application/*+json"]}`).want(t, http.StatusOK)
	s.do(http.MethodPost, "/feeds/x", "text", "Content-Type: text/csv").want(t, http.StatusCreated)
	s.do(http.MethodPost, "/feeds/x", "{}", "Content-Type: application/ld+json").want(t, http.StatusCreated)
	s.do(http.MethodPost, "/feeds/x", entry("a"), atomType).want(t, http.StatusUnsupportedMediaType)
	s.do(http.MethodPost, "/feeds/x", "<feed>"+entry("a")+"</feed>", "Content-Type: text/plain").want(t, http.StatusCreated)
}

func TestAFeedTakesXMLUnderTheNameThatItAccepts(t *testing.T) {
	s := serve(t, Handler{})
	for _, test := range []struct {
		accepts, typ string
		want         int
	}{
		{"application/xml", "application/xml", http.StatusCreated},
		{"text/*", "text/xml", http.StatusCreated},
		{"application/atom+xml;type=entry", "application/xml", http.StatusCreated},
		{"text/xml", "application/xml", http.StatusUnsupportedMediaType},
		{"application/xml", "application/atom+xml", http.StatusUnsupportedMediaType},
		{"application/atom+xml;type=feed", "application/atom+xml", http.StatusUnsupportedMediaType},
		{"application/atom+xml;type=feed", "text/xml", http.StatusUnsupportedMediaType},
	} {
		s.do(http.MethodPut, "/feeds/x/settings", `{"accepts":["`+test.accepts+`"]}`)
		if a := s.do(http.MethodPost, "/feeds/x", entry("a"), "Content-Type: "+test.typ); a.StatusCode != test.want {
			t.Errorf("%s where %s is accepted: %d %s", test.typ, test.accepts, a.StatusCode, a.body)
		}
	}
}

func TestFixedCategoriesAreKept(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, "/feeds/x/settings", `{"categories":{"fixed":true,"scheme":"https://example.org/","list":[{"term":"a"},{"term":"b","scheme":"urn:b","label":"B & b"}]}}`).want(t, http.StatusCreated)
	categorised := func(attributes string) string {
		return `<entry><title>t</title><category ` + attributes + `/></entry>`
	}
	for _, good := range []string{"term='a'", "term='a' scheme='https://example.org/'", "term='b' scheme='urn:b' label='any'"} {
		s.do(http.MethodPost, "/feeds/x", categorised(good), atomType).want(t, http.StatusCreated)
	}
	member := s.member(s.publish("x", "none"))
	for _, bad := range []string{"term='c'", "term='a' scheme='urn:b'", "term='A'"} {
		s.do(http.MethodPost, "/feeds/x", categorised(bad), atomType).want(t, http.StatusBadRequest).wantText(t, "a, b.")
		s.do(http.MethodPut, member, categorised(bad), atomType).want(t, http.StatusBadRequest)
	}
	s.do(http.MethodPost, "/feeds/x", "title=t&category=c", "Content-Type: application/x-www-form-urlencoded").want(t, http.StatusBadRequest)
	s.do(http.MethodPut, member, categorised("term='a'"), atomType).want(t, http.StatusOK)
	doc := s.get("/feeds/x/categories").want(t, http.StatusOK)
	doc.wantField(t, "Content-Type", "application/atomcat+xml; charset=utf-8")
	doc.wantText(t, `fixed="yes" scheme="https://example.org/">`)
	doc.wantText(t, `<atom:category term="b" scheme="urn:b" label="B &amp; b"/>`)
	s.get("/service").wantText(t, `<categories href="`+s.url+`/feeds/x/categories"/>`)
	s.publish("y", "free")
	s.get("/feeds/y/categories").want(t, http.StatusOK).wantText(t, `fixed="no">`)
}

func TestAServiceDocumentHasAWorkspaceForEachPrefix(t *testing.T) {
	s := serve(t, Handler{Prefixes: true})
	for _, name := range []string{"news", "shop.orders", "shop%2Freturns", ".hidden", "team%2Fa"} {
		s.publish(name, "e")
	}
	body := s.get("/service").want(t, http.StatusOK).body
	var got []string
	for _, space := range strings.Split(body, "<workspace>")[1:] {
		title, _, _ := strings.Cut(strings.TrimPrefix(space, "<atom:title>"), "<")
		got = append(got, title, strings.Repeat("+", strings.Count(space, "<collection")))
	}
	if diff := cmp.Diff([]string{"AtomMQ", "++", "shop", "++", "team", "+"}, got); diff != "" {
		t.Errorf("workspaces (-want +got):\n%s", diff)
	}
}

func TestAFeedIsDeletedWhole(t *testing.T) {
	s := serve(t, Handler{})
	member, media := s.postMedia("image/png", "bytes")
	draft := s.member(s.do(http.MethodPost, "/feeds/x", draftEntry("d", "yes"), atomType).want(t, http.StatusCreated))
	tag := s.get("/feeds/x").Header.Get("Etag")
	s.publish("x", "more")
	s.do(http.MethodDelete, "/feeds/x", "", "If-Match: "+tag).want(t, http.StatusPreconditionFailed)
	s.do(http.MethodDelete, "/feeds/x", "", "If-Match: "+s.get("/feeds/x", "Accept-Encoding: gzip").Header.Get("Etag")).want(t, http.StatusNoContent)
	for _, path := range []string{"/feeds/x", "/feeds/x/settings", member, media, draft} {
		s.get(path).want(t, http.StatusNotFound)
	}
	s.publish("x", "anew")
	s.do(http.MethodDelete, "/feeds/x", "").want(t, http.StatusNoContent)
}
