package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestAConditionThatFailsSaysWhatIsThere(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	member := s.member(s.publish("x", "e"))
	_, media := s.postMedia("image/png", "bytes")
	const (
		none   = "no such %, and If-Match takes one that is there. Leave If-Match out"
		exists = "% exists already, and If-None-Match: * is for when it does not. Leave the field out"
		stale  = "changed since the ETag in If-Match was given. GET this URL again"
		weak   = "takes no weak ETags"
		bare   = `stands in quotes: If-Match: "42"`
	)
	for _, test := range []struct{ method, path, thing, field, says string }{
		{"PUT", "/feeds/none/settings", "feed", "If-Match: *", none},
		{"PUT", "/feeds/none/settings", "feed", `If-Match: "1-a"`, none},
		{"PUT", "/feeds/x/settings", "feed", "If-None-Match: *", exists},
		{"PUT", "/feeds/x/settings", "feed", `If-Match: "1-a"`, "settings have " + stale},
		{"PUT", "/feeds/x/settings", "feed", `If-Match: W/"1-a"`, weak},
		{"PUT", "/feeds/x/settings", "feed", "If-Match: 1-a", bare},
		{"PUT", "/feeds/x/queues/none", "queue", "If-Match: *", none},
		{"PUT", testQueue, "queue", "If-None-Match: *", exists},
		{"PUT", testQueue, "queue", `If-Match: "a"`, "settings have " + stale},
		{"DELETE", testQueue + "?count=2", "queue", "If-None-Match: *", exists},
		{"DELETE", testQueue + "?count=2", "queue", `If-Match: "a", W/"b"`, "settings have " + stale},
		{"DELETE", testQueue + "?count=7", "queue", "If-Match: a", bare},
		{"DELETE", "/feeds/x", "feed", "If-None-Match: *", exists},
		{"DELETE", "/feeds/x", "feed", `If-Match: "99"`, "feed has " + stale},
		{"PUT", member, "entry", "If-None-Match: *", exists},
		{"PUT", member, "entry", `If-Match: "99"`, "entry has " + stale},
		{"PUT", member, "entry", `If-None-Match: "1"`, "rules out this very state"},
		{"PUT", member, "entry", "If-Match: 1", bare},
		{"DELETE", member, "entry", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", "changed since you read it"},
		{"PUT", media, "file", "If-None-Match: *", exists},
		{"DELETE", media, "file", `If-Match: "x"`, "file has " + stale},
	} {
		t.Run(test.method+" "+test.path+" "+test.field, func(t *testing.T) {
			a := s.do(test.method, test.path, "{}", test.field).want(t, http.StatusPreconditionFailed)
			a.wantText(t, strings.ReplaceAll(test.says, "%", test.thing))
			a.wantField(t, "Content-Type", "text/plain; charset=utf-8")
			wantProblem(t, s.do(test.method, test.path, "{}", test.field, "Accept: application/json"), http.StatusPreconditionFailed)
		})
	}
	for _, path := range []string{"/feeds/none", "/feeds/x/queues/none?count=0"} {
		s.do(http.MethodDelete, path, "", "If-Match: *").want(t, http.StatusNotFound)
	}
}

func TestAQueueIsDroppedAsItWasSeenOnly(t *testing.T) {
	s := serve(t, Handler{})
	made := s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated).Header.Get("Etag")
	set := s.do(http.MethodPut, testQueue, `{"attempts":3}`).want(t, http.StatusOK).Header.Get("Etag")
	s.fill(2)
	s.do(http.MethodDelete, testQueue+"?count=2", "", "If-Match: "+made).want(t, http.StatusPreconditionFailed)
	s.do(http.MethodDelete, testQueue+"?count=1", "", "If-Match: "+set).want(t, http.StatusConflict).wantText(t, "2 entries are not acked")
	if q := s.queue(s.get(testQueue)); q.Waiting != 2 || q.Attempts != 3 {
		t.Errorf("after the refusals the queue is %+v", q)
	}
	s.do(http.MethodDelete, testQueue+"?count=2", "", "If-Match: "+set).want(t, http.StatusNoContent)
	s.get(testQueue).want(t, http.StatusNotFound)
}
