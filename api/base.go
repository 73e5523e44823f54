package api

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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
// says that speaks FastCGI or CGI. It has no slash at its end, and CheckBaseURL has nothing against it.
func WithBase(r *http.Request, base string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), baseKey{}, base))
}

// forwardedPrefix returns the path that the proxy says it took off; where it says nothing, that
// of the base URL.
func (s *site) forwardedPrefix(h http.Header) string {
	prefix := strings.TrimRight(lastOf(h["X-Forwarded-Prefix"]), "/")
	if prefix != "" && isPrefix(prefix) {
		return prefix
	}
	return s.prefix
}

// isPrefix reports whether s is a path as it may stand in a URL and in markup alike.
func isPrefix(s string) bool {
	if len(s) > 255 || s[0] != '/' || strings.HasPrefix(s, "//") || strings.Contains(s, "/.") {
		return false
	}
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && !strings.ContainsRune("/-._~", rune(c)) {
			return false
		}
	}
	return true
}

// hostOf takes the port off an address.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return strings.Trim(address, "[]")
	}
	return host
}

func (s *site) trusts(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	for _, p := range s.proxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// forwarded returns what a trusted proxy says of the request's origin, in
// Forwarded (RFC 7239) or X-Forwarded-Proto and -Host. A proxy that writes one kind
// passes the other on from the client: where they disagree, neither is believed.
func forwarded(h http.Header, trusted func(host string) bool) (scheme, host string, ok bool) {
	scheme, host = standardForwarded(h["Forwarded"], trusted)
	xScheme, xHost := lastOf(h["X-Forwarded-Proto"]), lastOf(h["X-Forwarded-Host"])
	if scheme == "" && host == "" {
		scheme, host = xScheme, xHost
	} else if xScheme != "" && !strings.EqualFold(xScheme, scheme) || xHost != "" && !strings.EqualFold(xHost, host) {
		return "", "", false
	}
	scheme = strings.ToLower(scheme)
	if scheme == "" {
		scheme = "http"
	}
	if scheme != "http" && scheme != "https" || !isAuthority(host) {
		return "", "", false
	}
	return scheme, host, true
}

// lastOf returns the last element of a list, which is the nearest proxy's.
func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[len(lines)-1]
	return strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:])
}

// standardForwarded walks from the nearest proxy towards the client for as
// long as the next hop is trusted too: the outermost proxy knows the public name, of those that
// tell one.
func standardForwarded(lines []string, trusted func(host string) bool) (scheme, host string) {
	hops := slices.Collect(elements(lines))
	for _, hop := range slices.Backward(hops) {
		proto, name, from := parseForwarded(hop)
		scheme, host = cmp.Or(proto, scheme), cmp.Or(name, host)
		if !trusted(hostOf(from)) {
			break
		}
	}
	return scheme, host
}

// parseForwarded reads one RFC 7239 forwarded-element.
func parseForwarded(element string) (proto, host, from string) {
	for element != "" {
		var pair string
		pair, element = cutOutsideQuotes(element, ';')
		name, value, _ := strings.Cut(pair, "=")
		value = unquote(strings.TrimSpace(value))
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "proto":
			proto = value
		case "host":
			host = value
		case "for":
			from = value
		}
	}
	return proto, host, from
}

// unquote reads an RFC 9110 §5.6.4 quoted-string; a token stands for itself.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// isAuthority reports whether s is host[:port] as it may stand in a URL and
// in markup alike.
func isAuthority(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		host, port = s[:i], s[i+1:]
		if port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return false
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return ok && err == nil && ip.Is6() && ip.Zone() == ""
	}
	for _, c := range []byte(host) {
		if !isAlphanumeric(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return host != ""
}
