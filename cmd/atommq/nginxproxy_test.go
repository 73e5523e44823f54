package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"atommq/stompgw/stomp"
)

// nginxProxy runs nginx as deploy/nginx.conf has it, in front of one server, at a socket that it
// returns beside the client.
func nginxProxy(t *testing.T, server *process, replace ...string) (f *inFront, socket string) {
	t.Helper()
	return nginxAt(t, server.address(), replace...)
}

// nginxAt is nginxProxy in front of what is at an address.
func nginxAt(t *testing.T, upstream string, replace ...string) (f *inFront, socket string) {
	t.Helper()
	f, socket = nginx(t, "nginx.conf", append(replace, "listen 80;", "listen unix:SOCKET;", "server 10.0.0.11:8080 ", "server "+upstream+" ",
		"        server 10.0.0.12:8080 max_fails=1 fail_timeout=5s;\n", "")...)
	conn, err := f.Transport.(*http.Transport).DialContext(t.Context(), "", "") // once it listens
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	return f, socket
}

// nginxTLS is nginxProxy with TLS, and HTTP/2 for those that speak it.
func nginxTLS(t *testing.T, server *process) *inFront {
	t.Helper()
	cert, key, trust := certify(t)
	f, _ := nginxProxy(t, server, "        listen 80;\n", "        listen unix:SOCKET ssl http2;\n        ssl_certificate "+cert+";\n        ssl_certificate_key "+key+";\n")
	transport := f.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{RootCAs: trust, ServerName: "localhost"}
	transport.ForceAttemptHTTP2 = true
	f.site = "https://mq.example"
	return f
}

// largeMedia is more than nginx and the kernel keep for a connection.
const largeMedia = 48 << 20

// pattern is media of which no two parts are alike.
func pattern(size int) []byte {
	media := make([]byte, 0, size)
	for i := 0; len(media) < size; i++ {
		sum := sha256.Sum256(fmt.Append(nil, i))
		media = append(media, bytes.Repeat(sum[:], 16)...)
	}
	return media[:size]
}

// Streams of events, STOMP over WebSocket, and large files both ways pass one nginx at the same
// time, and none holds up another.
func TestStreamsAndLargeFilesPassNginxTogether(t *testing.T) {
	for name, start := range map[string]func(*testing.T, *process) *inFront{
		"HTTP/1.1":        func(t *testing.T, server *process) *inFront { f, _ := nginxProxy(t, server); return f },
		"HTTP/2 over TLS": nginxTLS,
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, startServer(t, "--trusted-proxies", "127.0.0.1", "--login", "me", "--passcode", "secret"))
			if resp, _ := f.do(t, "GET", "/feeds", "", http.StatusOK); resp.Proto == "HTTP/2.0" != (f.site[:5] == "https") {
				t.Errorf("%s is spoken", resp.Proto)
			}
			f.passTogether(t)
		})
	}
}

// passTogether has streams go on beside files that are half on their way.
func (f *inFront) passTogether(t *testing.T) {
	t.Helper()
	media := pattern(largeMedia)
	resp, entry := f.do(t, "POST", "/feeds/files", string(media), http.StatusCreated, "Content-Type: application/octet-stream")
	if at := resp.Header.Get("Location"); !strings.HasPrefix(at, f.site+"/feeds/files/entries/") {
		t.Errorf("Location is %q", at)
	}
	_, path, _ := strings.Cut(entry, `rel="edit-media"`)
	_, path, _ = strings.Cut(path, `href="`+f.site)
	path, _, _ = strings.Cut(path, `"`)

	var moving atomic.Int32
	moving.Store(2)
	var files sync.WaitGroup
	gate := make(chan struct{}) // opened once the streams have shown that they go on beside half of a file
	files.Go(func() { defer moving.Add(-1); f.upload(t, media, gate) })
	files.Go(func() { defer moving.Add(-1); f.download(t, path, media, gate) })
	readers := f.follow(t)
	for i := range 20 {
		text := fmt.Sprint("beside files ", i)
		f.do(t, "POST", "/feeds/live", text, http.StatusCreated, "Content-Type: text/plain")
		for _, next := range readers {
			next(text)
		}
	}
	if moving.Load() != 2 {
		t.Error("the files did not wait")
	}
	close(gate)
	files.Wait()
	f.do(t, "POST", "/feeds/live", "behind files", http.StatusCreated, "Content-Type: text/plain")
	for _, next := range readers {
		next("behind files")
	}
}

// gated is a file of which the second half comes when a gate opens.
type gated struct {
	io.Reader
	half int
	gate <-chan struct{}
}

func (g *gated) Read(p []byte) (int, error) {
	if g.half <= 0 {
		<-g.gate
	} else {
		p = p[:min(len(p), g.half)]
	}
	n, err := g.Reader.Read(p)
	g.half -= n
	return n, err
}

func (f *inFront) upload(t *testing.T, media []byte, gate <-chan struct{}) {
	req, err := http.NewRequest(http.MethodPost, f.site+"/feeds/files", &gated{bytes.NewReader(media), len(media) / 2, gate})
	if err != nil {
		t.Error(err)
		return
	}
	req.ContentLength = int64(len(media))
	req.SetBasicAuth("me", "secret")
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := f.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("the upload: %s", resp.Status)
	}
}

func (f *inFront) download(t *testing.T, path string, media []byte, gate <-chan struct{}) {
	req, err := http.NewRequest(http.MethodGet, f.site+path, nil)
	if err != nil {
		t.Error(err)
		return
	}
	req.SetBasicAuth("me", "secret")
	resp, err := f.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(&gated{resp.Body, len(media) / 2, gate})
	if err != nil || !bytes.Equal(got, media) {
		t.Errorf("the download: %s, %d of %d bytes, %v", resp.Status, len(got), len(media), err)
	}
}

// follow has readers of a feed by events and by STOMP over WebSocket, each of which waits for a text.
func (f *inFront) follow(t *testing.T) (readers []func(text string)) {
	t.Helper()
	endless := &http.Client{Transport: f.Transport}
	upgradable := f.Transport.(*http.Transport).Clone() // WebSocket takes HTTP/1.1
	upgradable.ForceAttemptHTTP2 = false
	upgradable.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	t.Cleanup(upgradable.CloseIdleConnections)
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.site+"/feeds?feed=live&format=sse&data=json", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("me", "secret")
		resp, err := endless.Do(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		readers = append(readers, func(text string) { readUntil(t, resp.Body, text) })
		readUntil(t, resp.Body, "retry:")
	}
	for range 3 {
		ws, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(f.site, "http")+"/stomp", &websocket.DialOptions{HTTPClient: &http.Client{Transport: upgradable}, Subprotocols: []string{"v12.stomp"}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := greet(websocket.NetConn(context.WithoutCancel(t.Context()), ws, websocket.MessageText))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.must(t, stomp.SUBSCRIBE, "", "destination", "/topic/live", "id", "1")
		readers = append(readers, func(text string) {
			if m := c.message(t); m.body != text {
				t.Errorf("STOMP has %q, not %q", m.body, text)
			}
		})
	}
	return readers
}

// What a proxy takes for one request, AtomMQ does: nothing comes past the proxy's rules in the body of
// another. Here these keep a feed shut.
func TestNoRequestIsSmuggledThroughAProxy(t *testing.T) {
	server := startServer(t, "--trusted-proxies", "127.0.0.1")
	t.Run("nginx", func(t *testing.T) {
		f, socket := nginxProxy(t, server, "        location / {\n", "        location ~ smuggled { return 403; }\n        location / {\n")
		f.smugglesNothing(t, server, socket)
	})
	t.Run("Apache", func(t *testing.T) {
		const limit = "    LimitRequestBody 0\n"
		f, address := apacheProxy(t, server, limit, limit+"    <LocationMatch smuggled>\n        Require all denied\n    </LocationMatch>\n")
		f.smugglesNothing(t, server, address)
	})
}

func (f *inFront) smugglesNothing(t *testing.T, server *process, address string) {
	t.Helper()
	if status, text := ask(t, "POST", server.URL+"feeds/open", "x", "Content-Type: text/plain"); status != http.StatusCreated {
		t.Fatal(text)
	}
	if resp, err := f.Post(f.site+"/feeds/smuggled", "text/plain", strings.NewReader("x")); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Fatal("the feed is not shut", resp, err)
	}
	inner := "POST /feeds/smuggled HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx"
	const head = "POST /feeds/open HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(inner))
	for _, attack := range []string{
		head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		head + "Transfer-Encoding: chunked\r\n" + length + "\r\n" + chunk,
		head + "Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + inner,
		head + "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner,
		head + "Transfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner,
		head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
		head + "Transfer-Encoding: identity, chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner,
		head + "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner,
		head + "Content-Length: 0\r\n" + length + "\r\n" + inner,
		head + length + "Content-Length: 0\r\n\r\n" + inner,
		head + "Content-Length: 0, " + length[16:] + "\r\n" + inner,
		head + "Content-Length: +0\r\n\r\n" + inner,
		head + "Content-Length: 0x0\r\n\r\n" + inner,
		head + "Content_Length: 0\r\n" + length + "\r\n" + inner,
		head + "Transfer-Encoding: chunked\r\n\r\n0;x=\"\n\r\n\"\r\n\r\n" + inner,
		head + "Transfer-Encoding: chunked\r\n\r\n00000000000000000\r\nX: \n\r\n" + inner[:4] + "x" + inner,
		head + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" + inner + "\r\n0\r\n\r\n",
		head + "Transfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n" + strings.Replace(inner, "POST", "xPOST", 1),
		"GET /feeds/open HTTP/1.1\r\nHost: localhost\r\n" + length + "\r\n" + inner,
		"GET /feeds/open HTTP/1.1\r\nHost: localhost\r\nConnection: Content-Length\r\n" + length + "\r\n" + inner,
		"GET /feeds/open HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n" + inner,
		"GET /stomp HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 777\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" + inner,
		"GET /feeds/open HTTP/0.9\r\n\r\n" + inner,
		"GET /feeds/open\r\n\r\n" + inner,
		"POST /feeds/%6fpen/../%73muggled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx",
		"POST /feeds/open HTTP/1.1\r\nHost: localhost\r\nX-Original-URL: /feeds/smuggled\r\nX-Rewrite-URL: /feeds/smuggled\r\nContent-Length: 1\r\n\r\nx",
		"POST http://localhost/feeds/open/..%2fsmuggled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx",
	} {
		// The last request ends the connection, if none before did.
		answer := onWire(t, address, attack+"\r\n"+request("GET /healthz", ""))
		if answer == "" {
			t.Errorf("%q is answered with %q", attack, answer)
		}
		if status, _ := ask(t, "GET", server.URL+"feeds/smuggled", ""); status != http.StatusNotFound {
			t.Fatalf("%q brought a request through", attack)
		}
	}
}
