package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// CheckBaseURL returns why base cannot be a Handler's BaseURL, nil when it can.
func CheckBaseURL(base string) error {
	_, err := parseBase(base)
	return err
}

// parseBase checks a configured base URL and takes its trailing slash off.
func parseBase(base string) (string, error) {
	if base == "" {
		return "", nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q: want http(s)://host[:port][/path]", base)
	}
	return strings.TrimRight(base, "/"), nil
}

// pathOf returns the path of a base URL that was checked.
func pathOf(base string) string {
	if u, err := url.Parse(base); err == nil {
		return u.EscapedPath()
	}
	return ""
}

// baseOf returns the URL that the links in the answer to r begin with.
func (s *site) baseOf(r *http.Request) string {
	if len(s.proxies) > 0 && s.trusts(hostOf(r.RemoteAddr)) {
		if scheme, host, ok := forwarded(r.Header, s.trusts); ok {
			return scheme + "://" + host + s.forwardedPrefix(r.Header)
		}
	}
	if s.base != "" {
		return s.base
	}
	if base, ok := r.Context().Value(baseKey{}).(string); ok {
		return base
	}
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return schemeOf(r) + addr.String()
	}
	return schemeOf(r) + "localhost"
}

func schemeOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://"
	}
	return "http://"
}

// baseKey is where a request has the base that WithBase gave it.
type baseKey struct{}

// WithBase returns r with the URL that links begin with where no setting says so: what a web server
// says that speaks FastCGI or CGI. It has no slash at its end, and CheckBaseURL has nothing against
// it.
func WithBase(r *http.Request, base string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), baseKey{}, base))
}
