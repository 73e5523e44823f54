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
		dated  = "The % changed after the time that If-Unmodified-Since names"
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
		{"DELETE", member, "entry", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", dated},
		{"PUT", media, "file", "If-None-Match: *", exists},
		{"DELETE", media, "file", `If-Match: "x"`, "file has " + stale},
		{"PUT", media, "file", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", dated},
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

// RFC 9110 §13.1.1 and §13.1.4: what does not hold is not answered with the whole.
func TestAReadIsOfTheStateThatItsConditionsName(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	s.fill(200)
	_, media := s.postMedia("image/png", "bytes")
	member := s.member(s.publish("x", "e"))
	for _, path := range []string{
		member, member + ".json", media, "/feeds/x", "/feeds/x.json", "/feeds/x?after=0", "/feeds/x/archive/64-127", "/feeds/x/settings", testQueue,
		"/feeds", "/feeds?format=json", "/service", "/feeds/x/categories", "/feeds?feed=x&after=0", "/feeds/x?category=c", "/openapi.json",
	} {
		a := s.get(path).want(t, http.StatusOK)
		tag := a.Header.Get("ETag")
		s.get(path, "If-Match: "+tag).want(t, http.StatusOK)
		s.get(path, "If-Match: "+strings.TrimSuffix(tag, `"`)+`-gzip"`, "Accept-Encoding: gzip").want(t, http.StatusOK)
		s.get(path, "If-Match: *").want(t, http.StatusOK)
		s.get(path, "If-Match: "+tag, "If-None-Match: "+tag).want(t, http.StatusNotModified)
		s.get(path, `If-Match: "999"`).want(t, http.StatusPreconditionFailed).wantText(t, "GET this URL again")
		s.get(path, `If-Match: "999"`, "If-None-Match: "+tag).want(t, http.StatusPreconditionFailed).wantField(t, "ETag", "")
		s.get(path, "If-Match: W/"+tag).want(t, http.StatusPreconditionFailed)
	}
	const before, later = "If-Unmodified-Since: Thu, 01 Jan 2015 00:00:00 GMT", "If-Unmodified-Since: Thu, 01 Jan 2115 00:00:00 GMT"
	for _, path := range []string{member, media, "/feeds/x"} {
		s.get(path, before).want(t, http.StatusPreconditionFailed)
		s.get(path, later).want(t, http.StatusOK)
	}
	s.get("/feeds/x/settings", before).want(t, http.StatusOK) // which have no date
}

func TestNothingIsPublishedUnderAConditionThatNobodyLooksAt(t *testing.T) {
	s := serve(t, Handler{})
	tag := s.publish("x", "e").Header.Get("ETag")
	for _, field := range []string{`If-Match: "999"`, "If-Match: " + tag, "If-None-Match: *", "If-Unmodified-Since: Thu, 01 Jan 2115 00:00:00 GMT"} {
		for _, typ := range []string{"text/plain", "image/png"} {
			name, _, _ := strings.Cut(field, ":")
			s.do(http.MethodPost, "/feeds/x", "hello", "Content-Type: "+typ, field).want(t, http.StatusBadRequest).wantText(t, name+" is not supported here")
		}
	}
	s.get("/feeds/x").want(t, http.StatusOK).wantField(t, "Xlastid", "1")
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
