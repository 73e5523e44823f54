package api

import (
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"atommq/bus"
)

// Stats is what the resources did since Handler.Routes, and who reads them now. What counts only rises.
type Stats struct {
	Requests  []RequestCount // those that there were, by route, then by status
	Durations []RouteTimes   // how long those took that did not wait for entries, by route

	SlowBodies int64 // requests that were broken off because their body came too slowly
	Unread     int64 // answers that were broken off because their client did not read on

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

// RouteTimes is how long the requests to a route took, in seconds, up to the end of the answer:
// without those that waited for entries, or were streams.
type RouteTimes struct {
	Route   string
	Seconds bus.Histogram
}

// requestTimes are the bounds of RouteTimes, in microseconds.
var requestTimes = []int64{500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000}

// noRoute stands for requests that came to no resource.
const noRoute = "none"

// stats is what Stats is read from.
type stats struct {
	routes                  map[string]*routeStats // filled before the first request
	slowBodies, unread      atomic.Int64
	read, streamed, claimed atomic.Int64
}

// routeStats counts the answers of a route, those with status 100 first, and measures how long they took.
type routeStats struct {
	statuses [500]atomic.Int64
	times    *bus.Buckets
}

func newRouteStats() *routeStats { return &routeStats{times: bus.NewBuckets(requestTimes...)} }

func newStats(router chi.Routes) *stats {
	s := &stats{routes: map[string]*routeStats{noRoute: newRouteStats()}}
	for _, route := range router.Routes() {
		s.routes[route.Pattern] = newRouteStats()
	}
	return s
}

// count takes note of an answer.
func (s *stats) count(rec *recorder) {
	of := s.routes[rec.route]
	if of == nil {
		of = s.routes[noRoute]
	}
	if i := rec.status - http.StatusContinue; i >= 0 && i < len(of.statuses) {
		of.statuses[i].Add(1)
	}
	if rec.status == http.StatusRequestTimeout {
		s.slowBodies.Add(1)
	}
	if rec.unread {
		s.unread.Add(1)
	}
	if !rec.waited {
		of.times.Note(time.Since(rec.begun).Microseconds())
	}
}

// requests lists what was counted.
func (s *stats) requests() []RequestCount {
	var list []RequestCount
	for _, route := range slices.Sorted(maps.Keys(s.routes)) {
		statuses := &s.routes[route].statuses
		for i := range statuses {
			if n := statuses[i].Load(); n > 0 {
				list = append(list, RequestCount{route, i + http.StatusContinue, n})
			}
		}
	}
	return list
}

// durations lists how long requests took, for the routes that had some.
func (s *stats) durations() []RouteTimes {
	var list []RouteTimes
	for _, route := range slices.Sorted(maps.Keys(s.routes)) {
		h := s.routes[route].times.Read(1e6)
		if slices.ContainsFunc(h.Counts, func(n uint64) bool { return n > 0 }) {
			list = append(list, RouteTimes{route, h})
		}
	}
	return list
}

// waits tells the recorder that how long the answer takes is not the server's to say: entries are waited for.
func waits(w http.ResponseWriter) {
	if rec, ok := w.(*recorder); ok {
		rec.waited = true
	}
}

// unread tells the recorder that the client did not read on.
func unread(w http.ResponseWriter) {
	if rec, ok := w.(*recorder); ok {
		rec.unread = true
	}
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
		Requests: s.requests(), Durations: s.durations(),
		SlowBodies: s.slowBodies.Load(), Unread: s.unread.Load(),
		Read: s.read.Load(), Streamed: s.streamed.Load(), Claimed: s.claimed.Load(),
	}
	r.site.live.describe(&out, r.site.bus.Head())
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
