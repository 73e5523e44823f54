package api

import (
	"net/http"

	"atommq/feeds"
)

// setTrace gives an entry the trace of the request that publishes it. A traceparent that is none, or
// not the only one, counts as none (W3C Trace Context §3.2.1), and the entry keeps what it came with.
func setTrace(e *feeds.Entry, r *http.Request) {
	if given := r.Header["Traceparent"]; len(given) == 1 && feeds.IsTrace(given[0]) {
		e.Trace = feeds.NewTrace(given[0], r.Header["Tracestate"]...)
	}
}
