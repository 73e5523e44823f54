package api

import (
	"net/http"
	"strings"
	"testing"

	"atommq/bus"
)

func TestARefusedRequestMakesNoFeed(t *testing.T) {
	g := invite(t, Handler{MaxMedia: 1000, MaxReaders: 1}, "ann * admin")
	g.seed("there")
	g.stream(t, "/feeds/there?after=0", asEvents, g.as("root")).block() // nobody else may wait
	const asJSON, png = "Content-Type: application/json", "Content-Type: image/png"
	batch := `<feed xmlns="http://www.w3.org/2005/Atom">` + strings.Repeat(entry("a"), 2049) + "</feed>"
	for _, test := range []struct {
		method, path, body, typ string
		status                  int
	}{
		{http.MethodPost, "/feeds/new.dead/queues/default/requeue?count=1", "", "X-None: x", http.StatusNotFound},
		{http.MethodPost, "/feeds/new", strings.Repeat("a", 1001), png, http.StatusRequestEntityTooLarge},
		{http.MethodPost, "/feeds/new", batch, atomType, http.StatusRequestEntityTooLarge},
		{http.MethodPost, "/feeds/new", "<entry><title>broken", atomType, http.StatusBadRequest},
		{http.MethodPut, "/feeds/new/settings", `{"author": {"name": "a", "email": "nobody"}}`, asJSON, http.StatusBadRequest},
		{http.MethodPut, "/feeds/new/queues/q", `{"attempts": 0}`, asJSON, http.StatusBadRequest},
		{http.MethodPost, "/feeds/new/queues/q/claims?count=0", "", "X-None: x", http.StatusBadRequest},
		{http.MethodPost, "/feeds/new/queues/q/claims?wait=1", "", "X-None: x", http.StatusServiceUnavailable},
	} {
		g.do(test.method, test.path, test.body, test.typ, g.as("ann")).want(t, test.status)
		for _, feed := range []string{"new", "new.dead"} {
			if a := g.get("/feeds/"+feed, g.as("root")); a.StatusCode != http.StatusNotFound {
				t.Fatalf("%s %s: there is a feed %s afterwards", test.method, test.path, feed)
			}
		}
	}
}

// A count that is wrong, a paused queue and what is no dead letter send nothing back.
func TestARequeueMakesAFeedOnlyForADeadLetter(t *testing.T) {
	g := invite(t, Handler{}, "ann * admin")
	const requeue = "/feeds/new.dead/queues/default/requeue"
	const asJSON = "Content-Type: application/json"
	g.do(http.MethodPut, "/feeds/new.dead/queues/default", `{"paused": true}`, asJSON, g.as("ann")).want(t, http.StatusCreated)
	g.seed("new.dead") // no dead letter
	g.do(http.MethodPost, requeue+"?count=2", "", g.as("ann")).want(t, http.StatusConflict)
	g.do(http.MethodPost, requeue+"?count=1", "", g.as("ann")).want(t, http.StatusConflict)
	g.do(http.MethodPut, "/feeds/new.dead/queues/default", `{"paused": false}`, asJSON, g.as("ann")).want(t, http.StatusOK)
	g.do(http.MethodPost, requeue+"?count=1", "", g.as("ann")).want(t, http.StatusOK).wantText(t, `"skipped":1`)
	g.get("/feeds/new", g.as("root")).want(t, http.StatusNotFound)
}

func TestAFeedThatARequeueMakesIsItsCallers(t *testing.T) {
	g := invite(t, Handler{}, "ann * admin")
	const queue = "/feeds/new/queues/default"
	g.do(http.MethodPut, queue, `{"attempts": 1}`, "Content-Type: application/json", g.as("root")).want(t, http.StatusCreated)
	g.seed("new")
	claimed := g.do(http.MethodPost, queue+"/claims", "", g.as("root"), asProblem).want(t, http.StatusOK)
	_, nack, _ := strings.Cut(claimed.body, `"nack":"`)
	nack, _, _ = strings.Cut(strings.TrimPrefix(nack, g.url), `"`)
	g.do(http.MethodPost, nack, "", g.as("root")).want(t, http.StatusNoContent)
	g.do(http.MethodDelete, "/feeds/new", "", g.as("root")).want(t, http.StatusNoContent)
	g.limit(t, "ann", bus.Limits{bus.LimitFeeds: 0})
	const requeue = "/feeds/new.dead/queues/default/requeue?count=1"
	g.do(http.MethodPost, requeue, "", g.as("ann"), asProblem).wantLimit(t, http.StatusForbidden, "feeds", 0)
	g.limit(t, "ann", bus.Limits{bus.LimitFeeds: 1})
	g.do(http.MethodPost, requeue, "", g.as("ann")).want(t, http.StatusOK).wantText(t, `"sent":1`)
	if f, err := g.bus.Feed(t.Context(), "new"); err != nil || f.Owner != "ann" {
		t.Errorf("feed %+v, %v; want it to be ann's", f, err)
	}
}

func TestWhoMayConsumeBeginsAQueueAndItsFeed(t *testing.T) {
	g := invite(t, Handler{}, "ann jobs* consume")
	g.do(http.MethodPost, "/feeds/jbos/queues/default/claims", "", g.as("ann")).want(t, http.StatusForbidden)
	g.do(http.MethodPost, "/feeds/jobs.new/queues/default/claims", "", g.as("ann")).want(t, http.StatusOK)
	if f, err := g.bus.Feed(t.Context(), "jobs.new"); err != nil || f.Owner != "ann" {
		t.Errorf("feed %+v, %v; want it to be ann's", f, err)
	}
}
