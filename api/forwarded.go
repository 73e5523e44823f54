package api

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// hostOf takes the port off an address.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return strings.Trim(address, "[]")
	}
	return host
}

// trusts reports whether host is the address of a trusted proxy.
func (s *site) trusts(host string) bool { return within(s.proxies, host) }

// within reports whether host is an address in one of the networks.
func within(networks []netip.Prefix, host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	for _, p := range networks {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// addressOf is ClientAddress, with the proxies that the site trusts.
func (s *site) addressOf(r *http.Request) netip.Addr { return ClientAddress(r, s.proxies) }

// ClientAddress returns the address that a request comes from, as trusted proxies tell it; the zero
// Addr where there is none, as behind a unix socket.
func ClientAddress(r *http.Request, proxies []netip.Prefix) netip.Addr {
	trusted := func(host string) bool { return within(proxies, host) }
	host := hostOf(r.RemoteAddr)
	if trusted(host) {
		host = forwardedFor(r.Header, host, trusted)
	}
	from, _ := netip.ParseAddr(host) // what is no address is the zero one
	return from
}

// forwardedFor returns the address that trusted proxies tell, in Forwarded (RFC 7239) or
// X-Forwarded-For; that of the nearest one, peer, where they tell none. A proxy that writes one
// kind passes the other on from the client: where they disagree, neither is believed.
func forwardedFor(h http.Header, peer string, trusted func(host string) bool) string {
	var hops []string
	for element := range elements(h["Forwarded"]) {
		_, _, from := parseForwarded(element)
		hops = append(hops, from)
	}
	standard := outermost(hops, peer, trusted)
	if len(h["X-Forwarded-For"]) == 0 {
		return standard
	}
	other := outermost(strings.Split(strings.Join(h["X-Forwarded-For"], ","), ","), peer, trusted)
	if len(hops) > 0 && standard != other {
		return peer
	}
	return other
}

// outermost walks from a trusted proxy towards the client for as long as the next hop is trusted
// too.
func outermost(hops []string, peer string, trusted func(host string) bool) string {
	for i := len(hops) - 1; i >= 0; i-- {
		hop := hostOf(strings.TrimSpace(hops[i]))
		if _, err := netip.ParseAddr(hop); err != nil {
			return peer // an unknown one, RFC 7239 §6
		}
		if peer = hop; !trusted(hop) {
			break
		}
	}
	return peer
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
	scheme = cmp.Or(strings.ToLower(scheme), "http")
	if scheme != "http" && scheme != "https" || !isAuthority(host) {
		return "", "", false
	}
	return scheme, host, true
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
