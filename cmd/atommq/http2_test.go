package main

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// What requests send that wait for long is out of the way of the others on their connection, which
// may be those of a proxy's other clients.
func TestARequestThatWaitsHoldsUpNoneOfItsConnection(t *testing.T) {
	cert, key, trust := certify(t)
	server := startServer(t, "--https", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	ask := func(method, path string, size, want int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "https://"+server.HTTPS+path, strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "text/plain")
		resp, err := client.Do(req)
		if err != nil || resp.StatusCode != want || resp.Proto != "HTTP/2.0" {
			t.Fatalf("%s %s: %v, %v", method, path, resp, err)
		}
		t.Cleanup(func() { resp.Body.Close() })
	}
	const stream = "/feeds/x?format=sse"
	for range 20 { // more than the window in all
		ask("GET", stream, 60<<10, http.StatusOK)
	}
	ask("POST", "/feeds/x", 1<<20, http.StatusCreated)
	ask("GET", stream, 2<<20, http.StatusRequestEntityTooLarge)
}

// rapidResets is how many streams an attacker opens, and resets at once.
const rapidResets = 20_000

// Streams that are reset as soon as they are opened (CVE-2023-44487), and headers that never end
// (CVE-2023-45288), take bounded memory, and cost others nothing.
func TestFloodsOfHTTP2HoldNobodyUp(t *testing.T) {
	cert, key, trust := certify(t)
	server := startServer(t, "--https", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	trusting := &tls.Config{RootCAs: trust, NextProtos: []string{"h2"}}
	before := server.peak(t)
	var floods sync.WaitGroup
	for range 2 {
		floods.Go(func() { flood(t, server.HTTPS, trusting, resets) })
		floods.Go(func() { flood(t, server.HTTPS, trusting, endlessHeaders) })
	}
	over := make(chan struct{})
	go func() { floods.Wait(); close(over) }()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: processWait}
	for done := false; !done; {
		select {
		case <-over:
			done = true
		default:
		}
		begun := time.Now()
		resp, err := client.Get("https://" + server.HTTPS + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if took := time.Since(begun); resp.StatusCode != http.StatusOK || took > 20*time.Second {
			t.Errorf("another client gets %s after %v", resp.Status, took)
		}
	}
	asked := 0.0
	for name, n := range scrape(t, server.URL+"metrics") {
		if strings.HasPrefix(name, `atommq_http_requests_total{route="/",`) {
			asked += n
		}
	}
	if asked == 0 || asked > 2*rapidResets {
		t.Errorf("of the floods %v requests came", asked)
	}
	if grown := server.peak(t) - before; grown > 150<<20 {
		t.Errorf("the server grew by %d MiB", grown>>20)
	}
}

// flood speaks HTTP/2 for as long as the server lets it.
func flood(t *testing.T, address string, config *tls.Config, send func(io.Writer)) {
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(processWait)); err != nil {
		t.Error(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(io.Discard, conn) })
	defer reading.Wait()
	defer conn.Close()
	const settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+settings); err != nil {
		t.Error(err)
	}
	send(conn) // which ends when the server has had enough
}

// The types and flags of frames, RFC 9113 §6.
const (
	frameHeaders, frameReset, frameContinuation = 1, 3, 9
	endStream, endHeaders                       = 1, 4
)

// appendFrame appends a frame of HTTP/2.
func appendFrame(dst []byte, typ, flags byte, stream uint32, payload string) []byte {
	dst = append(dst, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), typ, flags)
	return append(binary.BigEndian.AppendUint32(dst, stream), payload...)
}

// getRoot is GET / of https, with an authority, as HPACK has it (RFC 7541, appendix A).
const getRoot = "\x82\x87\x84\x41\x01x"

// resets opens streams and resets each at once.
func resets(to io.Writer) {
	for i := range uint32(rapidResets) {
		b := appendFrame(nil, frameHeaders, endStream|endHeaders, 2*i+1, getRoot)
		if _, err := to.Write(appendFrame(b, frameReset, 0, 2*i+1, "\x00\x00\x00\x08")); err != nil {
			return
		}
	}
}

// endlessHeaders goes on and on with the headers of one request.
func endlessHeaders(to io.Writer) {
	fields := strings.Repeat("\x00\x01a\x7d"+strings.Repeat("x", 125), 100)
	b := appendFrame(nil, frameHeaders, 0, 1, getRoot)
	for range 4000 { // 50 MB
		if _, err := to.Write(appendFrame(b, frameContinuation, 0, 1, fields)); err != nil {
			return
		}
		b = b[:0]
	}
}
