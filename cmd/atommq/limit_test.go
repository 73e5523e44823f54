package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"atommq/stompgw/stomp"
)

// send posts text to a feed with a token.
func (p *process) send(t *testing.T, feed, token, text string) (resp *http.Response, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"feeds/"+feed, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(read)
}

// A limit that is set beside a running server holds within two seconds, for HTTP and STOMP
// together, and what it refuses is counted.
func TestALimitHoldsOverHTTPAndSTOMPTogether(t *testing.T) {
	db := filepath.Join(t.TempDir(), "atommq.db")
	runAtommq(t, "user", "add", "ann", "--no-password", "--db", db)
	runAtommq(t, "user", "allow", "ann", "admin", "*", "--db", db)
	token := strings.TrimSpace(string(runAtommq(t, "token", "add", "ann", "laptop", "--db", db)))
	server := startServer(t, "--db", db)
	gateway := startGateway(t, server)
	session := func(p *process) *stompClient {
		t.Helper()
		conn, err := net.Dial("tcp", p.Stomp)
		if err != nil {
			t.Fatal(err)
		}
		c, err := greet(conn, "login", "ann", "passcode", token)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	sender := session(server)
	sender.must(t, stomp.SEND, "hello", "destination", "/topic/stomp")
	runAtommq(t, "user", "limit", "ann", "bytes=1000/s", "feeds=2", "--db", db)
	for deadline := time.Now().Add(time.Minute); ; {
		// Each owes for a minute more, once the limit counts.
		if resp, body := server.send(t, "http", token, strings.Repeat("a", 60_000)); resp.StatusCode == http.StatusTooManyRequests {
			if resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "may publish 1000 bytes a second") {
				t.Errorf("Retry-After %q: %s", resp.Header.Get("Retry-After"), body)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the limit does not count")
		}
	}
	if err := sender.request(stomp.SEND, strings.Repeat("b", 1000), "destination", "/topic/stomp"); err == nil || !strings.Contains(err.Error(), "may publish 1000 bytes a second") {
		t.Errorf("over STOMP, which shares the rate: %v", err)
	}
	// Each process counts bytes for itself, and feeds in the database.
	elsewhere := session(gateway)
	elsewhere.must(t, stomp.SEND, "hello", "destination", "/topic/http")
	for i, deadline := 3, time.Now().Add(time.Minute); ; i++ { // until the limit counts there, too
		err := elsewhere.request(stomp.SEND, "hello", "destination", fmt.Sprint("/topic/feed", i))
		if err != nil {
			if !strings.Contains(err.Error(), "may make 2 feeds") {
				t.Errorf("feed %d: %v", i, err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the limit does not count in the gateway")
		}
	}
	figures := scrape(t, strings.Replace(server.URL, "://", "://ann:"+token+"@", 1)+"metrics")
	if n := figures[`atommq_limited_total{limit="bytes"}`]; n != 2 {
		t.Errorf("%v refusals are counted, want 2", n)
	}
}

// A proxy's visitors have connections of STOMP over WebSocket each for themselves.
func TestVisitorsOverWebSocketAreCountedByTheAddressThatProxiesTell(t *testing.T) {
	db := filepath.Join(t.TempDir(), "atommq.db")
	runAtommq(t, "user", "allow", "anonymous", "read", "*", "--db", db)
	runAtommq(t, "user", "limit", "anonymous", "connections=1", "--db", db)
	server := startServer(t, "--db", db, "--trusted-proxies", "127.0.0.1")
	visit := func(from string) error {
		ws, _, err := websocket.Dial(t.Context(), server.URL+"stomp", &websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {from}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ws.CloseNow() })
		_, err = greet(websocket.NetConn(t.Context(), ws, websocket.MessageText))
		return err
	}
	for _, from := range []string{"203.0.113.1", "203.0.113.2", "2001:db8::1"} {
		if err := visit(from); err != nil {
			t.Errorf("the first of %s: %v", from, err)
		}
	}
	if err := visit("203.0.113.1"); err == nil || !strings.Contains(err.Error(), "may have 1 connection") {
		t.Errorf("the second of one address: %v", err)
	}
}
