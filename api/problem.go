package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"

	"atommq/bus"
	"atommq/feeds"
)

// problemError is an answer other than the one asked for: RFC 9457.
type problemError struct {
	Status int
	Detail string // what is wrong, and what to do about it
	Header http.Header
	Extra  map[string]any // RFC 9457 §3.2 extension members
	begins string         // path of the feed that whoever asked may begin, "" for none
	cause  error          // for the log
}

func (p *problemError) Error() string { return fmt.Sprintf("%d: %s", p.Status, p.Detail) }

func (p *problemError) Unwrap() error { return p.cause }

// typeProblem is the type of problem documents, RFC 9457 §3.
const typeProblem = "application/problem+json"

const internalDetail = "Something went wrong that is not your doing. The server's log tells more, under this response's X-Request-ID."

var retryAfter = http.Header{"Retry-After": {"5"}}

// outcomes says what the errors of the domain mean over HTTP.
var outcomes = []struct {
	err    error
	status int
	detail string
	header http.Header
}{
	{bus.ErrNoFeed, http.StatusNotFound, "There is no such feed yet. POST an entry to this URL to create it.", nil},
	{bus.ErrNoEntry, http.StatusNotFound, "There is no such entry in this feed. POST to the feed to add one; a PUT only changes one that exists.", nil},
	{bus.ErrNoArchive, http.StatusNotFound, "The feed's archive has no such page, or not yet. GET the feed, and follow its link prev-archive from there.", nil},
	{bus.ErrNoQueue, http.StatusNotFound, "The feed has no such queue. PUT {} to this queue's URL to make it, or POST to its claims: it gets what is published from then on.", nil},
	{bus.ErrManyQueues, http.StatusConflict, fmt.Sprintf("The feed has %d queues, and takes no more: each entry is written for each of them. DELETE one that nobody needs; nothing else was done.", bus.MostQueues), nil},
	{bus.ErrNoClaim, http.StatusNotFound, "This names no claim. Use the ack, nack and renew links as they came with the entry.", nil},
	{bus.ErrPaused, http.StatusConflict, "The queue is paused, and hands out nothing. PUT {\"paused\": false} to it first.", nil},
	{bus.ErrDeleted, http.StatusGone, "The entry was deleted. Its feed holds the tombstone; POST there to publish anew.", nil},
	{bus.ErrChanged, http.StatusPreconditionFailed, "The entry has changed since you read it. GET it again, make your change to that, and send it with the new ETag in If-Match.", nil},
	{bus.ErrIDChanged, http.StatusConflict, "The document has another atom:id than the entry, and an entry never changes its own. Send the atom:id that GET gives, or none; POST to the feed to publish another entry.", nil},
	{bus.ErrAppendOnly, http.StatusMethodNotAllowed, "The feed is append-only: its entries are neither changed nor deleted. POST a new one.", http.Header{"Allow": allowUnchanging}},
	{bus.ErrPublished, http.StatusConflict, "The entry is published already, and readers have seen it: it cannot be a draft again. Leave app:draft out, or DELETE the entry.", nil},
	{bus.ErrNoMedia, http.StatusNotFound, "The entry links to no media. POST a file to the feed to publish one that does.", nil},
	{bus.ErrKeyReused, http.StatusConflict, "This Idempotency-Key came before in this feed, with another body. Use a new key for a new entry.", nil},
	{bus.ErrTooLarge, http.StatusRequestEntityTooLarge, "The body is larger than one publish may be. Send less at a time.", nil},
	{bus.ErrFull, http.StatusInsufficientStorage, "The storage is full; nothing was changed. Tell the server's operator, and send it again.", http.Header{"Retry-After": {"60"}}},
	{bus.ErrReadOnly, http.StatusServiceUnavailable, "The storage cannot be written to at the moment; nothing was changed. Send it again.", http.Header{"Retry-After": {"60"}}},
	{bus.ErrUncertain, http.StatusServiceUnavailable, "The storage broke off while it stored this, which may be there or not. If you gave an Idempotency-Key, send the request again: it is published once only. Without one, look for it first.", retryAfter},
	{bus.ErrUnavailable, http.StatusServiceUnavailable, "The storage does not answer at the moment. Send the request again.", retryAfter},
	{bus.ErrBusy, http.StatusServiceUnavailable, "Too many clients log in at the moment. Send the request again; tokens are checked at once.", retryAfter},
	{bus.ErrClosed, http.StatusServiceUnavailable, "The server is shutting down. Send the request again.", retryAfter},
	{os.ErrDeadlineExceeded, http.StatusRequestTimeout, "The request's body came too slowly. Send it again.", http.Header{"Connection": {"close"}}},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "The server took too long. Send the request again; with an Idempotency-Key it is published once only.", retryAfter},
}

// problemOf finds what to say about err. What is unknown is not shown.
func problemOf(err error) *problemError {
	if p, ok := errors.AsType[*problemError](err); ok {
		return p
	}
	if p := gapProblem(err); p != nil {
		return p
	}
	if p := documentProblem(err); p != nil {
		return p
	}
	if p := limitProblem(err); p != nil {
		return p
	}
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			return &problemError{Status: o.status, Detail: o.detail, Header: o.header, cause: err}
		}
	}
	return &problemError{Status: http.StatusInternalServerError, Detail: internalDetail, cause: err}
}

func gapProblem(err error) *problemError {
	gap, ok := errors.AsType[*bus.GapError](err)
	if !ok {
		return nil
	}
	if gap.Loss != 0 {
		return &problemError{
			Status: http.StatusGone,
			Detail: fmt.Sprintf("Of the feed %q, entries that came after %d are no longer kept; %s. Go on with Xlastid: %s, which is all that is kept after %[2]d, or with Xlastid: 0, the beginning of what is kept.",
				gap.Feed, gap.After, oldestKept(gap), gap.Cursor()),
			Extra: map[string]any{"after": gap.After, "oldest": gap.Oldest, "cursor": gap.Cursor().String()},
			cause: err,
		}
	}
	return &problemError{
		Status: http.StatusGone,
		Detail: fmt.Sprintf("Entries that came after %d are no longer kept; %s. Go on with Xlastid: 0, which is the beginning of what is kept.", gap.After, oldestKept(gap)),
		Extra:  map[string]any{"after": gap.After, "oldest": gap.Oldest},
		cause:  err,
	}
}

func oldestKept(gap *bus.GapError) string {
	if gap.Oldest == 0 {
		return "the feed is empty now"
	}
	return fmt.Sprintf("the oldest entry kept is %d", gap.Oldest)
}

// documentProblem explains what feeds refuses.
func documentProblem(err error) *problemError {
	var syntax *feeds.SyntaxError
	var limit *feeds.LimitError
	var encoding *feeds.EncodingError
	switch {
	case errors.As(err, &syntax):
		return &problemError{
			Status: http.StatusBadRequest,
			Detail: fmt.Sprintf("Line %d, column %d: %s. Nothing was published; correct the document and send it again.", syntax.Line, syntax.Column, syntax.Reason),
			Extra:  map[string]any{"line": syntax.Line, "column": syntax.Column},
			cause:  err,
		}
	case errors.As(err, &limit):
		advice := "Send less at a time."
		if errors.Is(err, feeds.ErrLongText) {
			advice = "XML parsers take no longer one, and JSON goes into an entry as base64, a third longer. Post it as application/octet-stream: it is kept as a file."
		}
		return &problemError{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("The limit on the %s is %d. %s", limit.What, limit.Max, advice),
			Extra:  map[string]any{"limit": limit.Max},
			cause:  err,
		}
	case errors.As(err, &encoding):
		return &problemError{
			Status: http.StatusUnsupportedMediaType,
			Detail: fmt.Sprintf("The character encoding %q is not understood. Send UTF-8.", encoding.Encoding),
			Header: http.Header{"Accept-Post": acceptPost},
			cause:  err,
		}
	}
	return nil
}

// wantsProblemDocument reports whether accept names JSON, and does not want text more. People
// with curl name nothing.
func wantsProblemDocument(accept []string) bool {
	text, _, _ := quality(accept, offer{typ: "text/plain"})
	for _, typ := range [...]string{typeProblem, "application/json"} {
		q, specific, _ := quality(accept, offer{typ: typ})
		if specific >= matchType && q > 0 && q >= text {
			return true
		}
	}
	return false
}

// fail answers with the problem that err is.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // the client has left
	}
	p := problemOf(err)
	s.pointToLists(r, p)
	s.logProblem(w, r, p, err)
	h := w.Header()
	dropRepresentation(h)
	maps.Copy(h, p.Header)
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = nosniff
	body := s.describe(w, r, p)
	w.WriteHeader(p.Status)
	writeTo(w, body)
}

// pointToLists says, of a feed or a queue that is not there, where those are listed that the sender
// of r may see. Whether there is one that may not be seen makes no difference.
func (s *site) pointToLists(r *http.Request, p *problemError) {
	noFeed, noQueue := errors.Is(p.cause, bus.ErrNoFeed), errors.Is(p.cause, bus.ErrNoQueue)
	if !noFeed && !noQueue {
		return
	}
	feed, err := feedName(r)
	if err != nil {
		return
	}
	path := feeds.Path(feed)
	if cut, form := cutSuffix(feed); form != "" && canName(cut) && r.Method == http.MethodGet && r.URL.EscapedPath() == path {
		path = feeds.Path(cut) // a form of it was asked for, and a POST here would make a feed of this very name
	}
	switch {
	case noQueue && s.caller(r).Rights(feed)&bus.RightConsume != 0 && s.isFeed(r, feed):
		p.Detail += fmt.Sprintf(" The feed's queues are listed at %s/queues.", path)
		return
	case noFeed && !s.access.IsOpen():
		p.Detail = fmt.Sprintf("There is no such feed, or none that you may see. Who may publish to it makes it by a POST of an entry to %s.", path)
	case noFeed && r.URL.EscapedPath() != path:
		p.Detail = fmt.Sprintf("There is no such feed yet. POST an entry to %s to create it.", path)
	}
	if noFeed && r.Method == http.MethodGet && s.caller(r).May(bus.RightPublish, feed) {
		p.begins = path
	}
	p.Detail += " Feeds are listed at /feeds."
}

// isFeed reports whether there is such a feed, as far as is known.
func (s *site) isFeed(r *http.Request, name string) bool {
	_, err := s.bus.Feed(r.Context(), name)
	return !errors.Is(err, bus.ErrNoFeed)
}

// describe returns p in the form that the client wants, and sets the header fields that go with it.
func (s *site) describe(w http.ResponseWriter, r *http.Request, p *problemError) []byte {
	h, accept := w.Header(), r.Header["Accept"]
	switch {
	case wantsProblemDocument(accept):
		h["Content-Type"] = []string{typeProblem}
		return p.json(requestID(w))
	case s.pages != nil && prefersHTML(accept, offer{typ: "text/plain"}):
		page := heldPage{header: make(http.Header)}
		if err := s.problemPage(&page, s.baseOf(r), p); err == nil {
			maps.Copy(h, page.header)
			return page.body
		}
	}
	h["Content-Type"] = typeText
	return fmt.Appendf(nil, "%d %s: %s\n", p.Status, http.StatusText(p.Status), p.Detail)
}

func (s *site) problemPage(w http.ResponseWriter, base string, p *problemError) error {
	if p.begins != "" {
		return s.pages.NoFeed(w, base, base+p.begins, p.Detail)
	}
	return s.pages.Problem(w, base, p.Status, p.Detail)
}

// dropRepresentation takes back what a handler said of the answer that it could not give.
func dropRepresentation(h http.Header) {
	for _, name := range []string{"Etag", "Last-Modified", "Xlastid", "Content-Encoding", "Content-Length", "Content-Security-Policy", "Link", "Location", "Content-Location", "Idempotency-Replayed"} {
		delete(h, name)
	}
}

func (s *site) logProblem(w http.ResponseWriter, r *http.Request, p *problemError, err error) {
	level := slog.LevelDebug
	if p.Status >= http.StatusInternalServerError && p.Status != http.StatusNotImplemented {
		level = slog.LevelError
	}
	if p.Status == http.StatusUnauthorized && len(r.Header["Authorization"]) > 0 {
		login, passcode, _ := r.BasicAuth() // neither with a token
		s.log.InfoContext(r.Context(), "HTTP client refused: wrong login, password or token", "request", requestID(w), "login", bus.LoggedLogin(login, passcode), "client", s.addressOf(r))
	}
	s.log.Log(r.Context(), level, "request failed", "request", requestID(w), "method", r.Method,
		"path", r.URL.EscapedPath(), "status", p.Status, "error", err)
}

func (p *problemError) json(request string) []byte {
	members := map[string]any{
		"type":    "about:blank",
		"title":   http.StatusText(p.Status),
		"status":  p.Status,
		"detail":  p.Detail,
		"request": request,
	}
	maps.Copy(members, p.Extra)
	body, err := json.Marshal(members)
	if err != nil {
		return []byte("{}\n") // cannot be: the members are numbers and strings
	}
	return append(body, '\n')
}
