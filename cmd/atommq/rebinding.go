package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// names are those that a server at an address of this machine goes by.
type names struct {
	own     string // the host of the base URL, "" for none
	proxies prefixes
	open    func() bool // reports whether everybody may do everything
}

func (n *node) names(s *settings) names {
	own := ""
	if u, err := url.Parse(s.BaseURL); err == nil {
		own = hostname(u.Host)
	}
	return names{own, s.TrustedProxies, n.access.IsOpen}
}

// guard refuses, while everybody may do everything, what asks this machine for a name of somebody
// else's making: a page on the web can have its own name lead here, and to its browser the bus is
// then a part of its site (DNS rebinding). Whom rules let in, or not, such a page cannot pass for.
func (n names) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := hostname(r.Host); isForeignName(name) && n.open() && name != n.own && atLoopback(r) && !n.trusts(r) {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, fmt.Sprintf("While everybody may do everything here, this server goes by its address and by localhost, and not by %q, "+
				"which might be the name of a page that wants in. Ask for 127.0.0.1, [::1] or localhost; or start it with --base-url, if this is its name.", name), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostname returns the host of a Host field, in lower case, without its port and the dot at its end.
func hostname(field string) string {
	if host, _, err := net.SplitHostPort(field); err == nil {
		field = host
	}
	return strings.ToLower(strings.TrimSuffix(field, "."))
}

// isForeignName reports whether a host is one that somebody else can have: neither an address, nor
// localhost with what is below it (RFC 6761 §6.3), nor a name without a dot, which no site on the web has.
func isForeignName(host string) bool {
	if !strings.ContainsAny(host, ".:") || strings.HasSuffix(host, ".localhost") {
		return false
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil
}

// atLoopback reports whether r came in at an address that only this machine reaches.
func atLoopback(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return local != nil && local.IP.IsLoopback()
}

// trusts reports whether r comes from a proxy that tells names as they are.
func (n names) trusts(r *http.Request) bool {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && n.proxies.contain(at.Addr().Unmap())
}
