package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"atommq/stompgw/stomp"
)

// inFront is a client of a web server that passes requests on to AtomMQ.
type inFront struct {
	*http.Client
	site string // URL
}

// startInFront runs a web server in the foreground, with a configuration from deploy in which words
// are replaced, by pairs. It listens at an address, of TCP or a path.
func startInFront(t *testing.T, address string, command []string, config string, replace ...string) *inFront {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, config)
	writeFile(t, file, deployed(t, config, replace...))
	for i, word := range command {
		command[i] = strings.NewReplacer("CONFIG", file, "DIR", dir).Replace(word)
	}
	return &inFront{&http.Client{Transport: runInFront(t, address, command), Timeout: time.Minute}, "http://mq.example"}
}

// runInFront runs a web server in the foreground, which listens at an address, and returns the way to it.
func runInFront(t *testing.T, address string, command []string) *http.Transport {
	t.Helper()
	var log logBook
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it may have processes of its own
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialUntil(ctx, address, ended)
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if t.Failed() {
			t.Logf("%s: %s", command[0], log.take())
		}
	})
	return transport
}

// deployed returns a file of deploy in which words are replaced that are all there.
func deployed(t *testing.T, name string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !bytes.Contains(text, []byte(replace[i])) {
			t.Fatalf("there is no %q in deploy/%s", replace[i], name)
		}
	}
	return strings.NewReplacer(replace...).Replace(string(text))
}

// nginxFastCGI runs nginx as deploy/nginx-fastcgi.conf has it, in front of a server.
func nginxFastCGI(t *testing.T, server *process, fcgi string, replace ...string) *inFront {
	t.Helper()
	f, _ := nginx(t, "nginx-fastcgi.conf", append(replace, "listen 80", "listen unix:SOCKET", "/run/atommq/atommq.fcgi", fcgi, "127.0.0.1:8080", server.address())...)
	return f
}

// nginx runs nginx with a configuration from deploy in which words are replaced, by pairs, at a
// socket that it returns beside the client; SOCKET stands for that.
func nginx(t *testing.T, config string, replace ...string) (f *inFront, socket string) {
	t.Helper()
	program := needProgram(t, "nginx", "nginx")
	dir := t.TempDir()
	socket = filepath.Join(dir, "nginx")
	own := "http {\n    access_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		own += fmt.Sprintf("    %s_temp_path %s/%s;\n", kind, dir, kind)
	}
	replace = append(replace, "http {\n", own)
	for i := range replace {
		replace[i] = strings.ReplaceAll(replace[i], "SOCKET", socket)
	}
	command := []string{program, "-c", "CONFIG", "-e", "stderr", "-g", "daemon off; master_process off; pid DIR/pid;"}
	return startInFront(t, socket, command, config, replace...), socket
}

// lighttpd runs lighttpd as deploy/lighttpd.conf has it.
func lighttpd(t *testing.T, fcgi, scripts string) *inFront {
	t.Helper()
	program := needProgram(t, "lighttpd", "lighttpd")
	dir := t.TempDir()
	socket := filepath.Join(dir, "lighttpd")
	return startInFront(t, socket, []string{program, "-D", "-f", "CONFIG"}, "lighttpd.conf",
		"server.port = 80", fmt.Sprintf("server.bind = %q\nserver.upload-dirs = ( %q )", socket, dir),
		"/run/atommq/atommq.fcgi", fcgi, "/usr/lib/cgi-bin/", scripts+"/")
}

// do sends a request, and wants a status.
func (f *inFront) do(t *testing.T, method, path, body string, status int, fields ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, f.site+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("me", "secret")
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Set(name, value)
	}
	resp, err := f.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		t.Fatalf("%s %s: %s, %v\n%.2000s", method, path, resp.Status, err, text)
	}
	return resp, string(text)
}

func TestAWebServerPassesEverythingOnOverFastCGI(t *testing.T) {
	for _, tt := range []struct {
		name  string
		start func(t *testing.T, server *process, fcgi string) *inFront
		stomp func(t *testing.T, f *inFront)
	}{
		{"nginx", func(t *testing.T, server *process, fcgi string) *inFront { return nginxFastCGI(t, server, fcgi) }, speaksWebSocket},
		{"Apache", apacheFastCGI, speaksWebSocket},
		{"lighttpd", func(t *testing.T, _ *process, fcgi string) *inFront { return lighttpd(t, fcgi, t.TempDir()) }, func(t *testing.T, f *inFront) {
			if _, text := f.do(t, "GET", "/stomp", "", http.StatusNotImplemented, "Upgrade: websocket"); !strings.Contains(text, "does not go through FastCGI") {
				t.Errorf("STOMP is answered with %s", text)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fcgi := filepath.Join(t.TempDir(), "atommq.fcgi")
			server := startServer(t, "--fcgi", "unix:"+fcgi, "--login", "me", "--passcode", "secret")
			f := tt.start(t, server, fcgi)
			if resp, err := f.Get(f.site + "/feeds"); err != nil || resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("without an account: %v, %v", resp, err)
			}
			f.passesOn(t, "")
			tt.stomp(t, f)
		})
	}
}

// chunked posts a text whose length is not announced.
func (f *inFront) chunked(t *testing.T, path string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, f.site+path, io.MultiReader(strings.NewReader("in "), strings.NewReader("chunks")))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("me", "secret")
	req.Header.Set("Content-Type", "text/plain")
	resp, err := f.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// passesOn uses a site through a web server.
func (f *inFront) passesOn(t *testing.T, prefix string) {
	t.Helper()
	site := "http://mq.example" + prefix
	const feed = "/feeds/a%2Fb%20c"
	resp, _ := f.do(t, "POST", prefix+feed, "first", http.StatusCreated, "Content-Type: text/plain", "X-Forwarded-Host: evil.example", "Idempotency-Key: k")
	if at := resp.Header.Get("Location"); !strings.HasPrefix(at, site+feed+"/entries/") {
		t.Errorf("Location is %q", at)
	}
	again, _ := f.do(t, "POST", prefix+feed, "first", http.StatusCreated, "Content-Type: text/plain", "Idempotency-Key: k")
	if again.Header.Get("Xlastid") != resp.Header.Get("Xlastid") {
		t.Errorf("the same key publishes %s again as %s", resp.Header.Get("Xlastid"), again.Header.Get("Xlastid"))
	}
	_, text := f.do(t, "GET", prefix+feed, "", http.StatusOK, "Xlastid: 0")
	if !strings.Contains(text, ">first<") || !strings.Contains(text, `href="`+site+feed) {
		t.Errorf("the feed is\n%s", text)
	}
	if status, text := f.chunked(t, prefix+"/feeds/chunked"); status != http.StatusCreated || !strings.Contains(text, ">in chunks<") {
		t.Errorf("in chunks: %d %s", status, text)
	}
	f.do(t, "POST", prefix+"/feeds/none", strings.Repeat("--x\r\n", 1<<17), http.StatusUnsupportedMediaType, "Content-Type: multipart/form-data; boundary=x")
	f.do(t, "GET", prefix+"/feeds/none", "", http.StatusNotFound)
	f.waits(t, prefix)
	file := strings.Repeat("\x89binary\x00", 1<<19) // 4 MiB
	_, entry := f.do(t, "POST", prefix+"/feeds/files", file, http.StatusCreated, "Content-Type: application/octet-stream")
	_, media, _ := strings.Cut(entry, `rel="edit-media"`)
	_, media, _ = strings.Cut(media, `href="http://mq.example`)
	media, _, _ = strings.Cut(media, `"`)
	if _, back := f.do(t, "GET", media, "", http.StatusOK); back != file {
		t.Errorf("%d bytes came back as %d", len(file), len(back))
	}
	f.do(t, "GET", media, "", http.StatusPartialContent, "Range: bytes=0-9")
}

// waits has a stream and a long poll get what is published later.
func (f *inFront) waits(t *testing.T, prefix string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, f.site+prefix+"/feeds?feed=live&format=sse", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("me", "secret")
	stream, err := f.Do(req)
	if err != nil || stream.StatusCode != http.StatusOK {
		t.Fatal(stream, err)
	}
	defer stream.Body.Close()
	events := bufio.NewReader(stream.Body)
	expect := func(part string) {
		t.Helper()
		for {
			line, err := events.ReadString('\n')
			if err != nil {
				t.Fatalf("the stream: %v", err)
			}
			if strings.Contains(line, part) {
				return
			}
		}
	}
	expect("retry:") // before anything is published
	for i := range 3 {
		title := fmt.Sprint("event ", i)
		f.do(t, "POST", prefix+"/feeds/live", title, http.StatusCreated, "Content-Type: text/plain")
		expect(title)
	}
	resp, _ := f.do(t, "GET", prefix+"/feeds/live", "", http.StatusOK, "Xlastid: 0")
	polled := make(chan string)
	go func() {
		_, text := f.do(t, "GET", prefix+"/feeds/live", "", http.StatusOK, "Prefer: wait=30", "Xlastid: "+resp.Header.Get("Xlastid"))
		polled <- text
	}()
	f.do(t, "POST", prefix+"/feeds/live", "at last", http.StatusCreated, "Content-Type: text/plain")
	if text := <-polled; !strings.Contains(text, "at last") {
		t.Errorf("the long poll got\n%s", text)
	}
}

// speaksWebSocket has STOMP over WebSocket go through a proxy.
func speaksWebSocket(t *testing.T, f *inFront) {
	t.Helper()
	client := &http.Client{Transport: f.Transport} // WebSocket has its own limits of time
	ws, _, err := websocket.Dial(t.Context(), "ws://mq.example/stomp", &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := greet(websocket.NetConn(t.Context(), ws, websocket.MessageText))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.must(t, stomp.SEND, "over WebSocket", "destination", "/topic/ws")
	if _, text := f.do(t, "GET", "/feeds/ws", "", http.StatusOK, "Xlastid: 0"); !strings.Contains(text, "over WebSocket") {
		t.Errorf("the feed is\n%s", text)
	}
}

func TestFastCGIUnderAPrefix(t *testing.T) {
	fcgi := filepath.Join(t.TempDir(), "atommq.fcgi")
	server := startServer(t, "--fcgi", "unix:"+fcgi, "--base-url", "http://mq.example/mq/bus")
	f := nginxFastCGI(t, &process{URL: "http://127.0.0.1:9/"}, fcgi, "location / {", "location /mq/bus/ {")
	_ = server
	f.passesOn(t, "/mq/bus")
}

func TestASocketThatAKilledServerLeftIsTakenAnew(t *testing.T) {
	fcgi := filepath.Join(t.TempDir(), "atommq.fcgi")
	server := startServer(t, "--fcgi", "unix:"+fcgi)
	if _, err := launch(t.TempDir(), os.Environ(), "serve", "--fcgi", "unix:"+fcgi); err == nil || !strings.Contains(err.Error(), "taken by another program") {
		t.Errorf("a second server on the socket: %v", err)
	}
	if err := server.kill(); err != nil {
		t.Fatal(err)
	}
	startServer(t, "--db", server.DB, "--fcgi", "unix:"+fcgi)
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "mine")
	for address, want := range map[string]string{"unix:" + file: "which is no socket", "0.0.0.0:0": "whoever reaches it is taken for the web server"} {
		if _, err := launch(t.TempDir(), os.Environ(), "serve", "--fcgi", address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--fcgi %s: %v", address, err)
		}
	}
}
