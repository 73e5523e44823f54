package api

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"atommq/bus"
)

// requestIDs names the requests that come without an X-Request-ID.
type requestIDs struct {
	prefix string // of this process
	count  atomic.Uint64
}

func newRequestIDs() *requestIDs { return &requestIDs{prefix: rand.Text()[:8] + "-"} }

func (ids *requestIDs) next() string {
	var b [32]byte
	return string(strconv.AppendUint(append(b[:0], ids.prefix...), ids.count.Add(1), 10))
}

// of returns the value of the response's X-Request-ID: the client's own where it can
// stand in a log line.
func (ids *requestIDs) of(r *http.Request) []string {
	if given := r.Header["X-Request-Id"]; len(given) == 1 && plainToken(given[0]) {
		return given
	}
	return []string{ids.next()}
}

func plainToken(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// Refuse answers a request with 400: FastCGI or CGI passed it on, and nothing can be made of it
// because of what detail says, in sentences.
func (rs *Routes) Refuse(w http.ResponseWriter, r *http.Request, detail string) {
	rs.site.observed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rs.site.fail(w, r, badRequest("%s", detail))
	})).ServeHTTP(w, r)
}

// Refuse answers a request as its Routes do.
func (s *Server) Refuse(w http.ResponseWriter, r *http.Request, detail string) {
	s.routes.Refuse(w, r, detail)
}

// observed names, guards, counts and, at level debug, logs the requests to next.
func (s *site) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := recorders.Get().(*recorder)
		*rec = recorder{ResponseWriter: w, status: http.StatusOK, begun: time.Now(), sent: rec.sent}
		defer s.counted(rec)
		rec.Header()["X-Request-Id"] = s.ids.of(r)
		if s.log.Enabled(r.Context(), slog.LevelDebug) {
			defer s.logged(rec, r)
		}
		defer s.recovered(rec, r)
		next.ServeHTTP(rec, r)
	})
}

// counted counts what a request was answered with.
func (s *site) counted(rec *recorder) {
	s.stats.count(rec)
	s.sentAll(rec)
	rec.ResponseWriter = nil
	recorders.Put(rec)
}

// recovered turns a handler's panic into a 500, or, where the response is under
// way, into a broken connection, so that nobody takes half a page for a whole.
func (s *site) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	s.log.ErrorContext(r.Context(), "panic while serving", "request", requestID(w), "method", r.Method,
		"path", r.URL.EscapedPath(), "panic", v, "stack", string(debug.Stack()))
	if _, underWay := w.Header()["Content-Type"]; underWay {
		panic(http.ErrAbortHandler)
	}
	s.fail(w, r, &problemError{Status: http.StatusInternalServerError, Detail: internalDetail})
}

func requestID(w http.ResponseWriter) string { return w.Header().Get("X-Request-Id") }

// logged writes a line about a request.
func (s *site) logged(rec *recorder, r *http.Request) {
	s.log.DebugContext(r.Context(), "served", "request", requestID(rec), "method", r.Method, "path", r.URL.EscapedPath(),
		"status", rec.status, "bytes", rec.bytes, "took", time.Since(rec.begun), "peer", r.RemoteAddr)
}

// recorders are used again: there is one for each request.
var recorders = sync.Pool{New: func() any { return new(recorder) }}

// recorder remembers what a response was.
type recorder struct {
	http.ResponseWriter
	route  string
	status int
	bytes  int64
	begun  time.Time
	waited bool // for entries
	unread bool // the client did not read on
	needs  bus.Rights
	sent   []*sent
}

func (w *recorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	w.failed(err)
	return n, err
}

// FlushError writes what is buffered.
func (w *recorder) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	w.failed(err)
	return err
}

// failed takes note of why writing failed, if it did.
func (w *recorder) failed(err error) {
	w.unread = w.unread || errors.Is(err, os.ErrDeadlineExceeded)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
