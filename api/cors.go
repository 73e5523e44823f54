package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/cors"
)

// anyOrigin lets every site's pages read.
const anyOrigin = "*"

// corsAge is for how many seconds a browser may remember what is allowed.
const corsAge = 600

// CheckOrigin reports why text is no origin of pages: "https://example.org", with a port if need
// be, or "*" for all.
func CheckOrigin(text string) error {
	u, err := url.Parse(text)
	if text == anyOrigin {
		return nil
	}
	if err != nil || strings.Contains(text, "*") || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Scheme+"://"+u.Host != text {
		return fmt.Errorf("%q is no origin: write https://example.org, with the port if it has one and nothing behind it, or * for all sites", text)
	}
	return nil
}

// corsPolicy says to browsers which other sites' pages may read answers, and send requests. They do
// so without the credentials that the browser has: a page needs a token of its own.
func (s *site) corsPolicy(origins []string) (func(http.Handler) http.Handler, error) {
	for _, origin := range origins {
		if err := CheckOrigin(origin); err != nil {
			return nil, fmt.Errorf("api: %w", err)
		}
		if origin == anyOrigin {
			continue
		}
		if err := s.origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("api: origin %q: %w", origin, err)
		}
	}
	methods := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete}
	if slices.Contains(origins, anyOrigin) && len(origins) == 1 {
		methods = methods[:2] // what writes is refused to all
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: methods,
		AllowedHeaders: []string{
			"Accept", "A-IM", "Authorization", "Content-Encoding", "Content-Type", "Idempotency-Key",
			"If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Last-Event-ID",
			"Prefer", "Range", "Slug", "Traceparent", "Tracestate", "X-Request-ID", "Xlastid",
		},
		ExposedHeaders: []string{
			"Accept-Ranges", "Content-Location", "Content-Range", "Delta-Base", "ETag", "Idempotency-Replayed", "IM", "Link", "Location", "Preference-Applied", "Retry-After",
			beatField, "X-Request-ID", "Xlastid",
		},
		MaxAge: corsAge,
	}).Handler, nil
}

// varying has caches keep an answer apart for each origin that asks: what it allows depends on that.
func varying(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&varyWriter{ResponseWriter: w}, r)
	})
}

// varyWriter adds Origin to what an answer depends on.
type varyWriter struct {
	http.ResponseWriter
	begun bool
}

func (w *varyWriter) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

func (w *varyWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

func (w *varyWriter) begin() {
	if h := w.Header(); !w.begun && !slices.Contains(h["Vary"], "Origin") {
		h["Vary"] = append(slices.Clone(h["Vary"]), "Origin") // the values are shared by all answers
	}
	w.begun = true
}

// Unwrap lets http.ResponseController reach the connection.
func (w *varyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
