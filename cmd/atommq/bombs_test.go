package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// packed compresses as many bytes as size, by repeating text.
func packed(t *testing.T, text string, size int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	block := strings.Repeat(text, max(1, 1<<16/max(len(text), 1)))
	for written := 0; written < size; written += len(block) {
		if _, err := io.WriteString(w, block); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// peak returns the most memory that a process ever had, in bytes.
func (p *process) peak(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	kilobytes, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// What is small where it comes in and large where it is taken apart is refused before it is: the
// server takes no memory for it.
func TestNoBombGoesOff(t *testing.T) {
	server := startServer(t, "--max-body", "1MiB", "--max-media", "2MiB")
	const expanded = 300 << 20
	gzipped := packed(t, "0", expanded)
	twice := packed(t, gzipped, 1)
	laughs := `<!DOCTYPE l [<!ENTITY a "ha">`
	for i := range 10 {
		laughs += fmt.Sprintf(`<!ENTITY %c "%s">`, 'b'+i, strings.Repeat(fmt.Sprintf("&%c;", 'a'+i), 10))
	}
	bombs := []struct {
		what, body string
		status     int
		fields     []string
	}{
		{"a gzip bomb as Atom", gzipped, 413, []string{"Content-Type: application/atom+xml", "Content-Encoding: gzip"}},
		{"a gzip bomb as text", gzipped, 413, []string{"Content-Type: text/plain", "Content-Encoding: gzip"}},
		{"a gzip bomb as media", gzipped, 413, []string{"Content-Type: image/png", "Content-Encoding: gzip"}},
		{"a gzip bomb as JSON", packed(t, `[`, expanded), 413, []string{"Content-Type: application/json", "Content-Encoding: gzip"}},
		{"a gzip bomb in a gzip bomb", twice, 415, []string{"Content-Type: text/plain", "Content-Encoding: gzip, gzip"}},
		{"another coding", "x", 415, []string{"Content-Type: text/plain", "Content-Encoding: br"}},
		{"a gzip bomb of empty members", strings.Repeat(packed(t, "", 0), 40_000), 201, []string{"Content-Type: text/plain", "Content-Encoding: gzip"}},
		{"a billion laughs", laughs + "]><entry><title>&k;</title></entry>", 400, []string{"Content-Type: application/atom+xml"}},
		{"deep XML", "<entry>" + strings.Repeat("<a>", 200_000), 413, []string{"Content-Type: application/atom+xml"}},
		{"wide XML", "<entry " + attributes(50_000) + "/>", 413, []string{"Content-Type: application/atom+xml"}},
		{"many entries", "<feed xmlns='http://www.w3.org/2005/Atom'>" + strings.Repeat("<entry/>", 100_000) + "</feed>", 413, []string{"Content-Type: application/atom+xml"}},
		{"entries that inherit much", "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='http://" + strings.Repeat("x", 500_000) + "/'>" + strings.Repeat("<entry><title/></entry>", 900) + "</feed>", 413, []string{"Content-Type: application/atom+xml"}},
		{"deep JSON", strings.Repeat(`{"a":`, 150_000), 400, []string{"Content-Type: application/json"}},
		{"deep CloudEvents", strings.Repeat(`[`, 900_000), 400, []string{"Content-Type: application/cloudevents-batch+json"}},
		{"a length that nothing follows", "x", 413, []string{"Content-Type: text/plain", "Content-Length: 9223372036854775807"}},
	}
	before := server.peak(t)
	for _, bomb := range bombs {
		for range 4 {
			sent := request("POST /feeds/bombs", bomb.body, bomb.fields...)
			if strings.Contains(sent, "9223372036854775807") {
				sent = strings.Replace(sent, "Content-Length: 1\r\n", "", 1)
			}
			if answer := onWire(t, server.address(), sent); !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", bomb.status)) {
				t.Errorf("%s is answered with %.300q", bomb.what, answer)
			}
		}
	}
	for _, settings := range []string{"/feeds/bombs/settings", "/feeds/bombs/queues/q"} {
		if status, text := ask(t, "PUT", server.URL+settings[1:], strings.Repeat("[", 900_000), "Content-Type: application/json"); status != 400 {
			t.Errorf("%s: %d %s", settings, status, text)
		}
	}
	for _, frame := range []string{
		"SEND\n" + strings.Repeat("a:b\n", 1_000_000), "SEND\n" + strings.Repeat("a", 50<<20), strings.Repeat("\n", 20<<20) + "SEND", "SEND\ndestination:/topic/x\ncontent-length:9999999999\n\n",
		"SEND\ndestination:/topic/x\n\n" + strings.Repeat("x", 60<<20),
	} {
		if answer := onWire(t, server.Stomp, "CONNECT\naccept-version:1.2\nhost:x\n\n\x00"+frame+"\x00"); !strings.Contains(answer, "ERROR\n") {
			t.Errorf("%.30q is answered with %.300q", frame, answer)
		}
	}
	// What a decompressor and a few requests of a megabyte take, under the race detector as well.
	if grown := server.peak(t) - before; grown > 150<<20 {
		t.Errorf("the server grew by %d MiB", grown>>20)
	}
}

// attributes writes so many attributes.
func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d='' ", i)
	}
	return b.String()
}

// A window for each connection is memory that strangers choose the size of, and a message of a few
// bytes may be megabytes.
func TestNoCompressionIsSpokenOverWebSocket(t *testing.T) {
	server := startServer(t)
	// It stays open after the handshake, so that a client has to ask for the close: with a frame of opcode 8.
	answer := onWire(t, server.address(), "GET /stomp HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: v12.stomp\r\n\r\n\x88\x80\x00\x00\x00\x00")
	if !strings.HasPrefix(answer, "HTTP/1.1 101 ") || strings.Contains(strings.ToLower(answer), "permessage-deflate") {
		t.Errorf("the handshake is answered with %q", answer)
	}
}
