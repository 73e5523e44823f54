package api

import (
	"net/http"

	"atommq/feeds"
)

// setTrace gives an entry the trace of the request that publishes it, if that has one: else the
// entry keeps what it came with.
func setTrace(e *feeds.Entry, r *http.Request) {
	if trace := traceOf(r); trace.Parent != "" {
		e.Trace = trace
	}
}

// traceOf returns the trace of a request, the zero Trace for none. A traceparent that is none, or
// not the only one, counts as none (W3C Trace Context §3.2.1).
func traceOf(r *http.Request) feeds.Trace {
	given := r.Header["Traceparent"]
	if len(given) != 1 {
		return feeds.Trace{}
	}
	return feeds.NewTrace(given[0], r.Header["Tracestate"]...)
}
