package api

import (
	"maps"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/go-chi/chi/v5"
)

// Stats is what the resources did since Handler.Routes, and who reads them now. What counts only rises.
type Stats struct {
	Requests []RequestCount // those that there were, by route, then by status

	Read     int64 // entries in pages, and alone
	Streamed int64 // entries sent by streams
	Claimed  int64 // entries handed out by queues

	Streams int // that are open
	Polls   int // requests that wait for entries
	Lagging int // streams that are sent what was published before
	// Lag is how many ids the one of them is behind that is furthest, over all feeds.
	Lag int64
}

// RequestCount is how many requests to a route were answered with a status.
type RequestCount struct {
	Route  string // as /openapi.json names it; "none" for paths that are none, and for who was not let in
	Status int
	Count  int64
}

// noRoute stands for requests that came to no resource.
const noRoute = "none"

// stats is what Stats is read from.
type stats struct {
	routes                  map[string]*statuses // filled before the first request
	read, streamed, claimed atomic.Int64
}

// statuses counts the answers of a route, those with status 100 first.
type statuses [500]atomic.Int64

func newStats(router chi.Routes) *stats {
	s := &stats{routes: map[string]*statuses{noRoute: new(statuses)}}
	for _, route := range router.Routes() {
		s.routes[route.Pattern] = new(statuses)
	}
	return s
}

// count takes note of an answer.
func (s *stats) count(route string, status int) {
	of := s.routes[route]
	if of == nil {
		of = s.routes[noRoute]
	}
	if i := status - http.StatusContinue; i >= 0 && i < len(of) {
		of[i].Add(1)
	}
}

// requests lists what was counted.
func (s *stats) requests() []RequestCount {
	var list []RequestCount
	for _, route := range slices.Sorted(maps.Keys(s.routes)) {
		for i := range s.routes[route] {
			if n := s.routes[route][i].Load(); n > 0 {
				list = append(list, RequestCount{route, i + http.StatusContinue, n})
			}
		}
	}
	return list
}

// noted tells the recorder which route a request took.
func noted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rec, ok := w.(*recorder); ok {
			defer func() { // a panic is counted, too
				if taken := chi.RouteContext(r.Context()).RoutePatterns; len(taken) > 0 {
					rec.route = taken[0]
				}
			}()
		}
		next.ServeHTTP(w, r)
	})
}

// Stats tells what the resources have done and who reads them.
func (r *Routes) Stats() Stats {
	s := r.site.stats
	out := Stats{
		Requests: s.requests(), Read: s.read.Load(), Streamed: s.streamed.Load(), Claimed: s.claimed.Load(),
	}
	r.live.describe(&out, r.site.bus.Head())
	return out
}

// describe counts readers. head is the newest id.
func (l *live) describe(s *Stats, head int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Streams, s.Polls = len(l.streams), l.now-len(l.streams)
	for st := range l.streams {
		if at := st.behind.Load(); at > 0 {
			s.Lagging++
			s.Lag = max(s.Lag, head-at)
		}
	}
}
