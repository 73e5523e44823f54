package api

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAnEntryIsEditedUnderItsETag(t *testing.T) {
	s := serve(t, Handler{})
	created := s.publish("x", "first")
	path := s.member(created)
	// A client edits what it got: the server's elements go back to it.
	body := strings.Replace(s.get(path).body, "first", "second", 1)
	{
		a := s.do(http.MethodPut, path, body, atomType, `If-Match: "1"`).want(t, http.StatusOK)
		a.wantField(t, "ETag", `"2"`)
		a.wantField(t, "Xlastid", "2")
		a.wantField(t, "Content-Location", created.Header.Get("Location"))
		a.wantText(t, "second")
	}
	for i, tag := range []string{`"2-gzip"`, `"zzz", "3-html"`, "*", `"4", "5-html-gzip"`} {
		a := s.do(http.MethodPut, path, entry("again"), atomType, "If-Match: "+tag).want(t, http.StatusOK)
		if got := s.get(path).body; got != a.body {
			t.Errorf("edit %d: GET differs from the answer", i)
		}
	}
	s.do(http.MethodPut, path, entry("third"), atomType).want(t, http.StatusOK)
	s.do(http.MethodPut, path, entry("fourth"), atomType, "If-Unmodified-Since: "+time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)).want(t, http.StatusOK)
	s.do(http.MethodPut, path, strings.ReplaceAll(entry("fifth"), "<", "<ns0:")).want(t, http.StatusBadRequest)
	prefixed := `<ns0:entry xmlns:ns0="http://www.w3.org/2005/Atom"><ns0:title>prefixed</ns0:title></ns0:entry>`
	s.do(http.MethodPut, path, prefixed, atomType).want(t, http.StatusOK).wantText(t, "<ns0:title>prefixed</ns0:title>")
	s.do(http.MethodDelete, path, "", `If-Match: "9"`).want(t, http.StatusNoContent).wantField(t, "Xlastid", "10")
	s.get(path).want(t, http.StatusGone)
}

func TestOfTwoEditsUnderOneETagOneIsMade(t *testing.T) {
	s := serve(t, Handler{})
	path := s.member(s.publish("x", "first"))
	var made, refused atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			a, err := s.try(http.MethodPut, path, strings.NewReader(entry("mine")), atomType, `If-Match: "1"`)
			switch {
			case err != nil:
				t.Error(err)
			case a.StatusCode == http.StatusOK:
				made.Add(1)
			case a.StatusCode == http.StatusPreconditionFailed:
				refused.Add(1)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d made, %d refused", made.Load(), refused.Load())
	}
}

func TestAMembersGETIsConditional(t *testing.T) {
	s := serve(t, Handler{})
	path := s.member(s.publish("x", strings.Repeat("long ", 500)))
	s.get(path, `If-None-Match: "1"`).want(t, http.StatusNotModified).wantField(t, "ETag", `"1"`)
	s.get(path, `If-None-Match: W/"1-gzip"`, "Accept-Encoding: gzip").want(t, http.StatusNotModified).wantField(t, "ETag", `"1-gzip"`)
	s.get(path, `If-None-Match: "2"`).want(t, http.StatusOK)
	s.get(path, "Accept-Encoding: gzip").want(t, http.StatusOK).wantField(t, "ETag", `"1-gzip"`)
	s.get(path[:len(path)-36]+strings.ToUpper(path[len(path)-36:])).want(t, http.StatusOK)
}

func TestAPostedIDStays(t *testing.T) {
	s := serve(t, Handler{})
	body := `<entry><id>tag:example.org,2026:1</id><title>t</title></entry>`
	path := s.member(s.do(http.MethodPost, "/feeds/x", body, atomType).want(t, http.StatusCreated))
	s.do(http.MethodPut, path, body, atomType).want(t, http.StatusOK)
	s.get(path).want(t, http.StatusOK).wantText(t, "<id>tag:example.org,2026:1</id>")
	s.do(http.MethodPut, path, `<entry><id>tag:example.org,2026:2</id></entry>`, atomType).want(t, http.StatusConflict)
}
