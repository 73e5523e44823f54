package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestADeltaHasOnlyWhatTheClientHasNotSeen(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(3)
	member := s.member(s.publish("x", "e4"))
	held := s.get("/feeds/x").want(t, http.StatusOK).Header.Get("ETag")
	s.get("/feeds/x", "A-IM: feed", "If-None-Match: "+held).want(t, http.StatusNotModified)
	s.publish("x", "e5")
	s.do(http.MethodDelete, member, "").want(t, http.StatusNoContent)
	s.publish("x", "e6")
	whole := s.get("/feeds/x").want(t, http.StatusOK)
	for _, fields := range [][]string{
		{"A-IM: feed", "If-None-Match: " + held},
		{"A-IM: vcdiff;q=0.5, FEED;q=0.1", "If-None-Match: " + held},
		{"A-IM: feed", `If-None-Match: "2-other", W/` + held + `, "9999-x", "x"`},
	} {
		a := s.get("/feeds/x", fields...).want(t, http.StatusIMUsed)
		if d := cmp.Diff([]string{"e6", "e5"}, titles(t, a.body)); d != "" {
			t.Errorf("%q: %s", fields, d)
		}
		a.wantText(t, "deleted-entry")
		a.wantField(t, "IM", "feed")
		a.wantField(t, "ETag", whole.Header.Get("ETag"))
		a.wantField(t, "Delta-Base", held)
		a.wantField(t, "Cache-Control", "no-store, im")
		a.wantField(t, "Vary", "Accept, Accept-Encoding, Xlastid, A-IM")
		s.get("/feeds/x", "A-IM: feed", "If-None-Match: "+a.Header.Get("ETag")).want(t, http.StatusNotModified)
	}
	json := s.get("/feeds/x.json", "A-IM: feed", "If-None-Match: "+held).want(t, http.StatusIMUsed)
	if !strings.Contains(json.body, `"title":"e5"`) || strings.Contains(json.body, `"title":"e3"`) {
		t.Error(json.body)
	}
}

// Whatever its form, a delta takes away what is gone: its client puts it upon what it holds.
func TestADeltaTellsOfDeletionsInEveryForm(t *testing.T) {
	s := serve(t, Handler{})
	s.publish("x", "kept")
	member := s.member(s.publish("x", "gone"))
	tombstones := map[string]string{"atom": "deleted-entry", "json": `"deleted":true`}
	held := make(map[string]string)
	for format := range tombstones {
		held[format] = s.get("/feeds/x?format="+format).want(t, http.StatusOK).Header.Get("ETag")
	}
	s.do(http.MethodDelete, member, "").want(t, http.StatusNoContent)
	for format, want := range tombstones {
		a := s.get("/feeds/x?format="+format, "A-IM: feed", "If-None-Match: "+held[format]).want(t, http.StatusIMUsed)
		a.wantText(t, want)
		if strings.Contains(a.body, "kept") {
			t.Errorf("%s: %s", format, a.body)
		}
	}
	if whole := s.get("/feeds/x?format=json").want(t, http.StatusOK); strings.Contains(whole.body, tombstones["json"]) {
		t.Error(whole.body)
	}
}

// Its client would keep the entries of the dead feed for ever: nothing tells that they are gone.
func TestADeltaNeverGoesUponAFeedThatWasDeleted(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(2)
	held := s.get("/feeds/x").want(t, http.StatusOK).Header.Get("ETag")
	s.do(http.MethodDelete, "/feeds/x", "").want(t, http.StatusNoContent)
	s.publish("x", "new")
	s.get("/feeds/x", "A-IM: feed", "If-None-Match: "+held).want(t, http.StatusOK).wantField(t, "IM", "")
	held = s.get("/feeds/x").want(t, http.StatusOK).Header.Get("ETag")
	s.publish("x", "newer")
	s.get("/feeds/x", "A-IM: feed", "If-None-Match: "+held).want(t, http.StatusIMUsed)
}

func TestWithoutAUsableETagADeltaIsTheWholePage(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(3)
	held := s.get("/feeds/x").want(t, http.StatusOK).Header.Get("ETag")
	s.fill(3)
	for _, fields := range [][]string{
		{"If-None-Match: " + held},
		{"A-IM: feed"},
		{"A-IM: feed;q=0", "If-None-Match: " + held},
		{"A-IM: gzip", "If-None-Match: " + held},
		{"A-IM: feed", `If-None-Match: "x"`},
		{"A-IM: feed", `If-None-Match: "0-x"`},
		{"A-IM: feed", `If-None-Match: "99-of-another-server"`},
	} {
		a := s.get("/feeds/x", fields...).want(t, http.StatusOK)
		if len(titles(t, a.body)) != 6 || a.Header.Get("IM") != "" {
			t.Errorf("%q: %s", fields, a.body)
		}
	}
	delta := []string{"A-IM: feed", "If-None-Match: " + held}
	s.get("/feeds/x?limit=3", delta...).want(t, http.StatusIMUsed)
	s.get("/feeds/x?limit=2", delta...).want(t, http.StatusOK) // more is new than a page holds
	s.get("/feeds/x?after=0", delta...).want(t, http.StatusOK)
	s.get("/feeds/x?older-than=9", delta...).want(t, http.StatusOK)
	if _, err := s.bus.Prune(context.Background(), "x", 4); err != nil {
		t.Fatal(err)
	}
	s.get("/feeds/x", delta...).want(t, http.StatusOK)
}
