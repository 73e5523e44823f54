package api

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"atommq/bus"
	"atommq/feeds"
)

func TestAMembersETagChangesWithItsBytes(t *testing.T) {
	s := serve(t, Handler{})
	path := s.member(s.publish("x", "e1"))
	signed := s.member(s.do(http.MethodPost, "/feeds/x", `<entry><title>t</title><author><name>me</name></author></entry>`, atomType).want(t, http.StatusCreated))
	s.get(path).want(t, http.StatusOK).wantField(t, "ETag", `"1"`)
	seen := map[string]string{`"1"`: s.get(path).body}
	title, author := "The title", feeds.Person{Name: "A", URI: "urn:a"}
	for _, settings := range []bus.Settings{{Title: &title}, {Author: &author}} {
		if _, err := s.bus.Configure(context.Background(), "x", settings); err != nil {
			t.Fatal(err)
		}
		a := s.get(path, `If-None-Match: "1"`).want(t, http.StatusOK)
		a.wantField(t, "Last-Modified", "")
		tag := a.Header.Get("ETag")
		if held, ok := seen[tag]; ok || !strings.HasPrefix(tag, `"1-`) {
			t.Errorf("ETag %s names\n%s\nand before\n%s", tag, a.body, held)
		}
		seen[tag] = a.body
		s.get(path, "If-None-Match: "+tag).want(t, http.StatusNotModified).wantField(t, "ETag", tag)
		s.get(signed).want(t, http.StatusOK).wantField(t, "ETag", `"2"`)
	}
	// What the feed lends is no part of what a client edits.
	s.do(http.MethodPut, path, entry("e2"), atomType, `If-Match: "1"`).want(t, http.StatusOK)
}

func TestAMembersETagNamesTheConfiguredBaseURL(t *testing.T) {
	tags := make(map[string]bool)
	for _, base := range []string{"", "http://a.example", "http://b.example"} {
		s := serve(t, Handler{BaseURL: base})
		created := s.publish("x", "e1")
		tag := created.Header.Get("ETag")
		if tags[tag] {
			t.Errorf("base %q: ETag %s stands for other links already", base, tag)
		}
		tags[tag] = true
		path := strings.TrimPrefix(created.Header.Get("Location"), base)
		path = strings.TrimPrefix(path, s.url)
		s.get(path).want(t, http.StatusOK).wantField(t, "ETag", tag)
		s.do(http.MethodPut, path, entry("e2"), atomType, "If-Match: "+strings.TrimSuffix(tag, `"`)+`-gzip"`).want(t, http.StatusOK)
	}
}

// A server with several addresses writes into links the one that it was reached at.
func TestAMembersETagNamesTheAddressInItsLinks(t *testing.T) {
	listener, err := net.Listen("tcp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	s := serveOn(t, listener, Handler{})
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	s.url = "http://127.0.0.1:" + port
	path := s.member(s.publish("x", "e1"))
	at := func(address string, fields ...string) *answer {
		s.url = "http://" + address + ":" + port
		return s.get(path, append(fields, "Host: mq.example")...).want(t, http.StatusOK)
	}
	for _, form := range []string{"application/atom+xml", "application/json"} {
		one, two := at("127.0.0.1", "Accept: "+form), at("127.0.0.2", "Accept: "+form)
		if one.body == two.body || one.Header.Get("ETag") == two.Header.Get("ETag") {
			t.Errorf("%s: %s and %s", form, one.Header.Get("ETag"), two.Header.Get("ETag"))
		}
		at("127.0.0.2", "Accept: "+form, "If-None-Match: "+one.Header.Get("ETag"))
	}
}

// changingPages is a Pages of a program that looks different after an upgrade.
type changingPages struct {
	plainPages
	version *string
}

func (p changingPages) Feed(w http.ResponseWriter, _ *feeds.Page) error {
	return p.write(w, *p.version)
}
func (p changingPages) Member(w http.ResponseWriter, _ *feeds.Page) error {
	return p.write(w, *p.version)
}
func (p changingPages) Feeds(w http.ResponseWriter, _ *feeds.List) error {
	return p.write(w, *p.version)
}

func TestAPagesETagChangesWithItsTemplates(t *testing.T) {
	version := "1.0"
	s := serve(t, Handler{Pages: changingPages{version: &version}})
	member := s.member(s.publish("x", "e1"))
	for _, path := range []string{"/feeds/x", member, "/feeds"} {
		version = "1.0"
		old := s.get(path, "Accept: text/html").want(t, http.StatusOK)
		old.wantField(t, "Last-Modified", "")
		s.get(path, "Accept: text/html", "If-None-Match: "+old.Header.Get("ETag")).want(t, http.StatusNotModified)
		version = "2.0"
		s.get(path, "Accept: text/html", "If-None-Match: "+old.Header.Get("ETag")).want(t, http.StatusOK).wantText(t, "2.0")
	}
}
