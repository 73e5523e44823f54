package api

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// handler answers a request. An error means that nothing was written yet.
type handler func(w http.ResponseWriter, r *http.Request) error

// handle makes h an http.HandlerFunc whose errors become problem documents.
func (s *site) handle(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// methods are the handlers of one resource; GET stands for HEAD as well.
type methods map[string]handler

// resource answers every method of one URL pattern, those it does not have included.
type resource struct {
	site    *site
	methods methods
	allow   []string // the value of Allow
}

// ServeHTTP implements http.Handler.
func (res *resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := res.serve(w, r); err != nil {
		res.site.fail(w, r, err)
	}
}

func (s *site) resource(m methods) http.Handler {
	allow := []string{http.MethodOptions}
	for method := range m {
		if method == http.MethodOptions {
			continue
		}
		allow = append(allow, method)
		if method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	return &resource{site: s, methods: m, allow: []string{strings.Join(allow, ", ")}}
}

func (res *resource) serve(w http.ResponseWriter, r *http.Request) error {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if method == http.MethodGet && r.ContentLength != 0 {
		if err := passOver(r); err != nil {
			return err
		}
	}
	if h, ok := res.methods[method]; ok {
		return h(w, r)
	}
	if method == http.MethodOptions {
		res.options(w)
		return nil
	}
	return &problemError{
		Status: http.StatusMethodNotAllowed,
		Detail: fmt.Sprintf("%s is not possible here; these are: %s.%s", r.Method, res.allow[0], elsewhere[r.Method+" "+chi.RouteContext(r.Context()).RoutePattern()]),
		Header: http.Header{"Allow": res.allow},
	}
}

// elsewhere says where what is tried at the wrong URL is possible.
var elsewhere = map[string]string{
	"POST /feeds":       " An entry is posted to its feed, /feeds/{name}, which begins with it.",
	"PUT /feeds/{feed}": " An entry is PUT at its own URL, and a feed's settings at /feeds/{name}/settings.",
}

// passOver reads the body of a GET, which says nothing (RFC 9110 §9.3.1). Left unread while the request
// waits, it would fill the window that all requests of a connection share in HTTP/2: a proxy's are
// those of many clients.
func passOver(r *http.Request) error {
	n, err := io.Copy(io.Discard, io.LimitReader(r.Body, trustedLength+1))
	switch {
	case err != nil:
		return brokenBody(err)
	case n > trustedLength:
		return &problemError{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("The body of a %s says nothing, and this one is longer than the %d bytes that are passed over. Send none.", r.Method, trustedLength),
			Header: http.Header{"Connection": {"close"}}, // the rest is not read
		}
	}
	return nil
}

// optionsCollection tells what may be done with a feed, and what it takes.
func (s *site) optionsCollection(w http.ResponseWriter, r *http.Request) error {
	name, err := feedName(r)
	if err != nil {
		return err
	}
	f, err := s.knownFeed(r.Context(), name)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Allow"] = allowClosed
	if !f.Accepts.Closed() {
		h["Allow"] = []string{"DELETE, GET, HEAD, OPTIONS, POST"}
		h["Accept-Post"] = []string{f.Accepts.Field()}
		h["Accept-Encoding"] = acceptEncoding
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// optionsMember tells what may be done with an entry or its file: nothing but to read it in an
// append-only feed, unless it is a draft.
func (s *site) optionsMember(w http.ResponseWriter, r *http.Request) error {
	f, err := s.feedOf(r)
	if err != nil {
		return err
	}
	w.Header()["Allow"] = []string{"DELETE, GET, HEAD, OPTIONS, PUT"}
	if f.AppendOnly && !s.namesDraft(r) {
		w.Header()["Allow"] = allowUnchanging
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// namesDraft reports whether the request's path names a draft.
func (s *site) namesDraft(r *http.Request) bool {
	feed, id, err := memberName(r)
	if err != nil {
		return false
	}
	e, err := s.bus.Entry(r.Context(), feed, id)
	return err == nil && e.Draft()
}

func (res *resource) options(w http.ResponseWriter) {
	h := w.Header()
	h["Allow"] = res.allow
	_, posts := res.methods[http.MethodPost]
	// Only to a collection a POST brings an entry.
	if _, gets := res.methods[http.MethodGet]; posts && gets {
		h["Accept-Post"] = acceptPost
		h["Accept-Encoding"] = acceptEncoding
	}
	w.WriteHeader(http.StatusNoContent)
}
