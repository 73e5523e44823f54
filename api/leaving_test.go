package api

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const streamRequest = "GET /feeds/x?after=0 HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n"

// serveQuietly serves streams that have no heart-beats.
func serveQuietly(t *testing.T, network, address string, secured *tls.Config) *server {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if secured != nil {
		listener = tls.NewListener(listener, secured)
	}
	return serveOn(t, listener, Handler{HeartBeat: time.Hour})
}

// readStream sends a request for a stream, and reads the first event.
func readStream(t *testing.T, conn net.Conn, request string) *streaming {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	send(t, conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	s := &streaming{t, resp, bufio.NewReader(resp.Body)}
	s.block()
	return s
}

func dialTCP(t *testing.T, s *server) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func TestAStreamEndsAtOnceWhenItsReaderLeaves(t *testing.T) {
	s := serveQuietly(t, "tcp", "127.0.0.1:0", nil)
	for way, leave := range map[string]func(*net.TCPConn) error{
		"closing":      (*net.TCPConn).Close,
		"half closing": (*net.TCPConn).CloseWrite,
		"resetting": func(c *net.TCPConn) error {
			_ = c.SetLinger(0)
			return c.Close()
		},
	} {
		conn := dialTCP(t, s)
		readStream(t, conn, streamRequest)
		if n := s.http.Stats().Streams; n != 1 {
			t.Errorf("before %s, there are %d streams", way, n)
		}
		if err := leave(conn); err != nil {
			t.Fatal(err)
		}
		s.waitForReaders(0)
		if n := s.http.Stats().Streams; n != 0 {
			t.Errorf("after %s, there are %d streams", way, n)
		}
	}
}

func TestAStreamOverTLSEndsAtOnceWhenItsReaderLeaves(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	trust := certified.Client().Transport.(*http.Transport).TLSClientConfig
	s := serveQuietly(t, "tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates})
	for _, alerted := range []bool{true, false} {
		under := dialTCP(t, s)
		conn := tls.Client(under, &tls.Config{RootCAs: trust.RootCAs, ServerName: "example.com"})
		readStream(t, conn, streamRequest)
		s.waitForReaders(1)
		if alerted {
			_ = conn.Close()
		}
		_ = under.Close()
		s.waitForReaders(0)
	}
}

func TestAStreamOverAUnixSocketEndsAtOnceWhenItsReaderLeaves(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "http")
	s := serveQuietly(t, "unix", socket, nil)
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	readStream(t, conn, streamRequest)
	s.waitForReaders(1)
	_ = conn.Close()
	s.waitForReaders(0)
}

// A write to a client that has left may wait for as long as one to a slow one.
func TestAStreamThatWaitsForItsReaderEndsWhenThatLeaves(t *testing.T) {
	s := serveQuietly(t, "tcp", "127.0.0.1:0", nil)
	conn := dialTCP(t, s)
	if err := conn.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	readStream(t, conn, streamRequest)
	large := strings.Repeat("x", 1<<20)
	for range 8 { // more than the buffers of both ends hold
		s.do(http.MethodPost, "/feeds/x", large, "Content-Type: text/plain").want(t, http.StatusCreated)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	s.waitForReaders(0)
}

func TestAStreamGoesOnWhenItsReaderSendsMore(t *testing.T) {
	s := serveQuietly(t, "tcp", "127.0.0.1:0", nil)
	conn := dialTCP(t, s)
	next := "GET /feeds/x HTTP/1.1\r\nHost: h\r\n\r\n"
	events := readStream(t, conn, streamRequest+next)
	for range 10 {
		send(t, conn, next)
		s.fill(1)
		if title := events.title(); title != "e1" {
			t.Errorf("%q comes", title)
		}
	}
	s.waitForReaders(1)
	_ = conn.Close()
	s.waitForReaders(0)
}

func TestAReaderThatSendsWithoutEndIsCutOff(t *testing.T) {
	s := serveQuietly(t, "tcp", "127.0.0.1:0", nil)
	conn := dialTCP(t, s)
	events := readStream(t, conn, streamRequest)
	noise := strings.Repeat("x", 1<<10)
	for range 4 * mostUnasked / len(noise) {
		if _, err := io.WriteString(conn, noise); err != nil {
			break // it is cut off already
		}
	}
	if rest, err := io.ReadAll(events); err == nil {
		t.Errorf("the stream ends well, with %q", rest)
	}
	s.waitForReaders(0)
}
