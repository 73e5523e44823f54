package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"atommq/bus"
)

func TestTheArchiveCacheKeepsWhatWasReadLastWithinItsBound(t *testing.T) {
	c := newArchiveCache(16 * docCost)
	key := func(n int64) archiveKey { return archiveKey{feed: "x", ids: bus.Range{First: n, Last: n}} }
	for n := range int64(10) {
		c.put(&archiveDoc{key: key(n), body: make([]byte, docCost)})
		c.put(&archiveDoc{key: key(n)}) // as another reader does at the same time
		c.get(key(0))
	}
	if c.bytes > c.limit || len(c.docs) != 8 || c.order.Len() != 8 {
		t.Errorf("%d bytes, %d and %d pages", c.bytes, len(c.docs), c.order.Len())
	}
	if c.get(key(0)) == nil || c.get(key(1)) != nil || c.get(key(9)) == nil {
		t.Error("it kept other pages than those read last")
	}
	if c.put(&archiveDoc{key: key(99), body: make([]byte, 2*docCost)}); c.get(key(99)) != nil {
		t.Error("one page may take all of it")
	}
}

// What a cached page is made from may change: the feed's settings, what it keeps, the feed itself.
func TestCachedArchivePagesFollowTheFeed(t *testing.T) {
	s := serve(t, Handler{})
	s.appendOnly()
	s.fill(300)
	const path = "/feeds/x/archive/64-127"
	first := s.get(path).want(t, http.StatusOK)
	s.get(path).want(t, http.StatusOK).wantField(t, "Cache-Control", forever)
	configure := func(set bus.Settings) {
		if _, err := s.bus.Configure(context.Background(), "x", set); err != nil {
			t.Fatal(err)
		}
	}
	title, no := "Another", false
	configure(bus.Settings{Title: &title})
	s.get(path, "If-None-Match: "+first.Header.Get("ETag")).want(t, http.StatusOK).wantText(t, "<title>Another</title>")
	configure(bus.Settings{AppendOnly: &no})
	s.get(path).want(t, http.StatusOK).wantField(t, "Cache-Control", "no-cache")
	s.appendOnly()
	if _, err := s.bus.Prune(context.Background(), "x", 63); err != nil {
		t.Fatal(err)
	}
	if a := s.get(path).want(t, http.StatusOK); s.linkOf(a, "prev-archive") != "" {
		t.Error("the page leads to one that is gone")
	}
	if _, err := s.bus.Prune(context.Background(), "x", 64); err != nil {
		t.Fatal(err)
	}
	s.get(path).want(t, http.StatusGone)
}

// While its feed was not append-only, a page may have lost what a cache still has.
func TestWhatWasDeletedStaysOutOfTheArchiveOnceTheFeedIsAppendOnlyAgain(t *testing.T) {
	s := serve(t, Handler{})
	s.appendOnly()
	member := s.member(s.publish("x", "secret"))
	s.fill(300)
	const path = "/feeds/x/archive/0-63"
	a := s.get(path).want(t, http.StatusOK)
	a.wantField(t, "Cache-Control", forever)
	a.wantText(t, "secret")
	no := false
	if _, err := s.bus.Configure(context.Background(), "x", bus.Settings{AppendOnly: &no}); err != nil {
		t.Fatal(err)
	}
	s.do(http.MethodDelete, member, "").want(t, http.StatusNoContent)
	s.appendOnly()
	if a = s.get(path).want(t, http.StatusOK); strings.Contains(a.body, "secret") {
		t.Error("the deleted entry is back")
	}
}
