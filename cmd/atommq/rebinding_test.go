package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// A page on the web whose name leads to 127.0.0.1 is to its browser of one site with a bus there, which no
// protection against other sites' pages then covers: while a bus is open, its Host is all that tells it.
func TestAPageWhoseNameLeadsHereGetsNothing(t *testing.T) {
	open := startServer(t)
	trusting := startServer(t, "--trusted-proxies", "127.0.0.1")
	closed := startServer(t, "--login", "me", "--passcode", "secret")
	for _, tt := range []struct {
		server *process
		host   string
		status int
	}{
		{open, "rebound.example", 421},
		{open, "Rebound.Example.:8080", 421},
		{open, "127.0.0.1.rebound.example", 421},
		{open, "localhost.rebound.example", 421},
		{open, "", 200}, // its own address
		{open, "localhost", 200},
		{open, "me.localhost:8080", 200},
		{open, "[::1]:8080", 200},
		{open, "mq", 200},
		{trusting, "mq.example", 200},
		{closed, "mq.example", 401}, // credentials are what such a page has not
	} {
		for _, request := range []string{"GET", "POST"} {
			path, want := "feeds", tt.status
			if request == "POST" {
				path = "feeds/x"
				if want == 200 {
					want = 201
				}
			}
			fields := []string{"Sec-Fetch-Site: same-origin", "Content-Type: text/plain"}
			if tt.host != "" {
				fields = append(fields, "Host: "+tt.host)
			}
			if status, text := ask(t, request, tt.server.URL+path, "x", fields...); status != want {
				t.Errorf("%s for %q: %d, want %d: %s", request, tt.host, status, want, text)
			} else if status == 421 && !strings.Contains(text, "--base-url") {
				t.Errorf("%q is told %s", tt.host, text)
			}
		}
	}
	reboundWebSocket(t, open)
}

func TestAServerGoesByTheNameOfItsBaseURL(t *testing.T) {
	site := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(names{own: "mq.example", open: func() bool { return true }}.guard(site))
	defer server.Close()
	for host, want := range map[string]int{"mq.example": 200, "MQ.example:80": 200, "rebound.example": 421} {
		if status, text := ask(t, "GET", server.URL, "", "Host: "+host); status != want {
			t.Errorf("%s: %d, want %d: %s", host, status, want, text)
		}
	}
}

// reboundWebSocket has such a page try STOMP.
func reboundWebSocket(t *testing.T, server *process) {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.address())
	}}
	defer transport.CloseIdleConnections()
	for host, want := range map[string]int{"rebound.example": 421, "localhost": 101} {
		ws, resp, err := websocket.Dial(t.Context(), "ws://"+host+"/stomp", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{"Origin": {"http://" + host}}, Subprotocols: []string{"v12.stomp"},
		})
		if err == nil {
			_ = ws.CloseNow()
		}
		if resp == nil || resp.StatusCode != want {
			t.Errorf("WebSocket for %s: %v, %v; want %d", host, resp, err, want)
		}
	}
}
