package main

import (
	"net/http"
	"net/netip"

	"atommq/api"
)

// toldBy returns r as a request to the site that the web server in front names (RFC 3875 §4.1.14),
// with a prefix behind its name.
func toldBy(env map[string]string, prefix string, r *http.Request) *http.Request {
	for _, name := range []string{"Content-Type", "Content-Length"} { // nginx says them as CONTENT_… and as HTTP_CONTENT_…
		if values := r.Header[name]; len(values) > 1 {
			r.Header[name] = values[:1]
		}
	}
	name := env["SERVER_NAME"]
	if name == "" || name == "_" { // which nginx has where it is given no name
		name = env["SERVER_ADDR"]
	}
	if ip, err := netip.ParseAddr(name); err == nil && ip.Is6() {
		name = "[" + name + "]"
	}
	scheme, usual := "http://", "80"
	if r.TLS != nil {
		scheme, usual = "https://", "443"
	}
	if port := env["SERVER_PORT"]; port != "" && port != "0" && port != usual { // 0 is a file's
		name += ":" + port
	}
	base := scheme + name + prefix
	if api.CheckBaseURL(base) != nil {
		return r
	}
	return api.WithBase(r, base)
}

// withoutStomp answers for STOMP over WebSocket, where no connection can be had for it.
func withoutStomp(next http.Handler, way string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stomp" {
			http.Error(w, "STOMP over WebSocket does not go through "+way+". Have the web server pass /stomp on as a proxy, to the address of --http.", http.StatusNotImplemented)
			return
		}
		next.ServeHTTP(w, r)
	})
}
