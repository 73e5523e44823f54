package api

import (
	"net/http"
	"testing"
)

func TestAMisspeltParameterIsNotPassedOver(t *testing.T) {
	s := serve(t, Handler{})
	s.publishIn("x", "one")
	for path, want := range map[string]string{
		"/feeds/x?afer=2":           `"afer" is not a parameter here: did you mean after?`,
		"/feeds/x?aftre=2":          "did you mean after?",
		"/feeds/x?Limit=2":          "did you mean limit?",
		"/feeds/x?startafter=2":     "did you mean start_after?",
		"/feeds/x?start-at=2":       "did you mean start_at?",
		"/feeds/x?limits=2&after=1": "did you mean limit? These are: after, category,",
		"/feeds?limt=2":             "did you mean limit? These are: after, before, category, feed, format, limit.",
		"/feeds?feeds=x":            "did you mean feed?",
		"/service?afte=x":           "did you mean after?",
	} {
		s.get(path).want(t, http.StatusBadRequest).wantText(t, want)
	}
	for _, path := range []string{"/feeds/x?utm_source=letter", "/feeds/x?_=1764433334", "/feeds/x?page=2", "/feeds/x?", "/feeds?v=2", "/feeds/x?after=0&limit=5&format=json"} {
		s.get(path).want(t, http.StatusOK)
	}
}

func TestACursorByAnotherNameIsNotPassedOver(t *testing.T) {
	s := serve(t, Handler{})
	s.publishIn("x", "one")
	for _, query := range []string{"Xlastid=999", "xlastid=999", "xlastd=999", "lastid=999", "last-id=999", "since=999", "Since=999", "cursor=999", "limit=5&cursor=999"} {
		for _, path := range []string{"/feeds/x?", "/feeds?feed=x&", "/feeds/x?format=sse&", "/feeds/x?category=c&"} {
			s.get(path+query).want(t, http.StatusBadRequest).wantText(t, "What came after an id is read with ?after=999, or with the header field Xlastid: 999.")
		}
	}
	for query, want := range map[string]string{
		"lastid=":        `"lastid" is not a parameter here: did you mean after?`,
		"cursor=eyJpZCI": "with ?after=N, or with the header field Xlastid: N.",
		"wait=2":         `"wait" is not a parameter of a read: did you mean the header field Prefer: wait=2?`,
		"after=0&wait=x": "Prefer: wait=N?",
	} {
		s.get("/feeds/x?"+query).want(t, http.StatusBadRequest).wantText(t, want)
	}
	s.do(http.MethodPost, "/feeds/x/queues/q/claims?wait=0", "").want(t, http.StatusOK)
}
