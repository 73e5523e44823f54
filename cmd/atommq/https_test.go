package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"atommq/stompgw/stomp"
)

func TestHTTPIsSpokenOverTLS(t *testing.T) {
	cert, key, trust := certify(t)
	server := startServer(t, "--http", "off", "--https", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	if server.URL != "" {
		t.Errorf("with --http off, there is %s", server.URL)
	}
	site := "https://" + server.HTTPS
	for _, tt := range []struct {
		name, protocol string
		transport      *http.Transport
	}{
		{"h2", "HTTP/2.0", &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, ForceAttemptHTTP2: true}},
		{"http/1.1", "HTTP/1.1", &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer tt.transport.CloseIdleConnections()
			client := &http.Client{Transport: tt.transport, Timeout: time.Minute}
			stream, err := client.Get(site + "/feeds?feed=news&format=sse")
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Body.Close()
			resp, err := client.Post(site+"/feeds/news", "text/plain", strings.NewReader("over "+tt.name))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusCreated || resp.Proto != tt.protocol {
				t.Errorf("%s %s, %v\n%s", resp.Proto, resp.Status, err, body)
			}
			if at := resp.Header.Get("Location"); !strings.HasPrefix(at, site+"/feeds/news/entries/") {
				t.Errorf("Location is %q", at)
			}
			for events := bufio.NewReader(stream.Body); ; {
				line, err := events.ReadString('\n')
				if err != nil {
					t.Fatalf("the stream: %v", err)
				}
				if strings.Contains(line, "over "+tt.name) {
					return
				}
			}
		})
	}
	if old, err := tls.Dial("tcp", server.HTTPS, &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		old.Close()
		t.Error("TLS 1.1 is spoken")
	}
	plain, err := http.Get("http://" + server.HTTPS + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Body.Close()
	if plain.StatusCode != http.StatusBadRequest {
		t.Errorf("HTTP without TLS: %s", plain.Status)
	}
}

func TestSTOMPOverWebSocketOverTLS(t *testing.T) {
	cert, key, trust := certify(t)
	server := startServer(t, "--https", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}}
	ws, _, err := websocket.Dial(t.Context(), "wss://"+server.HTTPS+"/stomp", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"v12.stomp"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var conn net.Conn = websocket.NetConn(t.Context(), ws, websocket.MessageText)
	c, err := greet(conn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.must(t, stomp.SUBSCRIBE, "", "destination", "/topic/news", "id", "1")
	if _, err := newBrowser(t, server.URL+"feeds/news").post("hello", ""); err != nil {
		t.Fatal(err)
	}
	c.message(t)
}
