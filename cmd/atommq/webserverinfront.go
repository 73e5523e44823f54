package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/netip"
	"net/url"
	"strings"

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
	// net/http/fcgi takes a length that the web server does not know for 0, and has a pipe where a
	// body comes.
	if _, comes := r.Body.(*io.PipeReader); comes && r.ContentLength == 0 {
		r.ContentLength = -1
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
	base := scheme + name + (&url.URL{Path: prefix}).EscapedPath() // a script's name comes decoded
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

// readable is what stands in place of the variables that unreadable found wrong.
var readable = map[string]string{"HTTP_HOST": "", "REQUEST_URI": "/", "CONTENT_LENGTH": "", "SERVER_PROTOCOL": "HTTP/1.1"}

// unreadable returns why no request can be made of CGI variables, "" if one can.
func unreadable(env map[string]string) string {
	if host := env["HTTP_HOST"]; host != "" && !isHost(host) {
		return fmt.Sprintf("The Host %.80q is none. It is a name or an address, and perhaps a colon and a port.", host)
	}
	at := cmp.Or(env["REQUEST_URI"], env["SCRIPT_NAME"]+env["PATH_INFO"])
	if _, err := url.ParseRequestURI(at); err != nil && at != "" {
		return fmt.Sprintf("The path %.200q cannot be read. A percent sign that stands for itself is written %%25.", at)
	}
	r, err := cgi.RequestFromMap(env)
	switch {
	case err != nil:
		return fmt.Sprintf("The web server passes on what is no request: %.200s.", strings.TrimPrefix(err.Error(), "cgi: "))
	case env["HTTP_HOST"] == "" && r.URL.Host != "": // net/http/cgi takes //name for a server's
		return fmt.Sprintf("The path %.200q begins with two slashes. Write one.", at)
	}
	return ""
}

// isHost reports whether a URL with this host and no path is just that: net/http/cgi puts a Host
// before the path to make a URL of them, and "x?" would make a query of the path.
func isHost(host string) bool {
	u, err := url.Parse("http://" + host + "/")
	return err == nil && u.Host == host && u.User == nil && u.Path == "/"
}

// answerBehind has a request answered as CGI and FastCGI want it, which leave more to a program
// than net/http's server does.
func answerBehind(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
	out := &behind{ResponseWriter: w, head: r.Method == http.MethodHead}
	answer(out, r)
	if !out.begun && r.Context().Err() != nil { // else net/http/cgi makes an empty 200 of it
		w.Header().Set("Retry-After", "1")
		http.Error(out, "The request was given up. Send it again.", http.StatusServiceUnavailable)
	}
	if _, typed := w.Header()["Content-Type"]; !typed && !out.written {
		w.Header()["Content-Type"] = nil // else they make text/plain of nothing
	}
}

// behind is an answer that has no body where its request is a HEAD (RFC 3875 §4.3.2).
type behind struct {
	http.ResponseWriter
	head           bool
	begun, written bool
}

// WriteHeader implements http.ResponseWriter.
func (w *behind) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *behind) Write(p []byte) (int, error) {
	w.begun = true
	if w.head {
		return len(p), nil
	}
	w.written = true
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController flush.
func (w *behind) Unwrap() http.ResponseWriter { return w.ResponseWriter }
