package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// patience is how long anybody may wait for an answer while others are slow. It is far from both
// what an answer takes and the time that slow clients are given.
const patience = 10 * time.Second

// eventually fails the test, with what is waited for, unless ok holds before patience is out.
func eventually(t testing.TB, what any, ok func() bool) {
	t.Helper()
	late := time.After(patience)
	for !ok() {
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			t.Fatalf("not after %v: %+v", patience, what)
		}
	}
}

// dial opens a connection that does as little as it is told to.
func (s *server) dial(send string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, send); err != nil {
		s.t.Fatal(err)
	}
}

func TestStalledUploadsAndSlowReadersDelayNobody(t *testing.T) {
	s := serve(t, Handler{})
	large := strings.Repeat("x", 1<<20)
	s.do(http.MethodPost, "/feeds/large", large, "Content-Type: text/plain").want(t, http.StatusCreated)
	for range 20 {
		s.dial("POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\nsome of it")
		s.dial("GET /feeds/x HTTP/1.1\r\nHos")
	}
	for range 1000 {
		s.dial("GET /feeds/large HTTP/1.1\r\nHost: h\r\n\r\n")
	}
	begun := time.Now()
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			a, err := s.try(http.MethodPost, "/feeds/x", strings.NewReader(entry(fmt.Sprint(i))), atomType)
			if err != nil || a.StatusCode != http.StatusCreated {
				t.Errorf("publish: %v", err)
			}
			a, err = s.try(http.MethodGet, "/feeds/x", http.NoBody)
			if err != nil || a.StatusCode != http.StatusOK {
				t.Errorf("read: %v", err)
			}
		})
	}
	all.Wait()
	took := time.Since(begun)
	t.Logf("50 publishes and reads took %v", took)
	if took > patience {
		t.Errorf("50 publishes and reads beside 1040 slow clients took %v", took)
	}
}

func TestAStalledUploadIsToldSo(t *testing.T) {
	for _, some := range []string{
		"Content-Length: 1000000\r\n\r\nsome of it",
		"Content-Encoding: gzip\r\nContent-Length: 100\r\n\r\n\x1f\x8b", // of its header
		"Content-Encoding: gzip\r\nContent-Length: 100\r\n\r\n" + packed(t, "some of it")[:12],
	} {
		synctest.Test(t, func(t *testing.T) {
			s := servePipe(t)
			conn, in := s.dial()
			begun := time.Now()
			send(t, conn, "POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\n"+some)
			line, err := in.ReadString('\n')
			if err != nil || line != "HTTP/1.1 408 Request Timeout\r\n" {
				t.Errorf("%q: answered %q, %v", some, line, err)
			}
			if took := time.Since(begun); took != 30*time.Second {
				t.Errorf("%q: the stalled upload was given %v", some, took)
			}
			<-conn.served
			wantSlow(t, s, 1, 0)
		})
	}
}

func TestAReaderThatStopsIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servePipe(t)
		large := &feeds.Entry{XML: []byte(`<entry xmlns="` + feeds.NamespaceAtom + `"><content>` + strings.Repeat("x", 4*chunk) + `</content></entry>`)}
		if _, err := s.bus.Publish(t.Context(), bus.Post{Feed: "large", Entry: large}); err != nil {
			t.Fatal(err)
		}
		conn, in := s.dial()
		send(t, conn, "GET /feeds/large HTTP/1.1\r\nHost: h\r\n\r\n")
		begun := time.Now()
		for range 2 { // slowly at first, and then not at all
			if _, err := in.Discard(chunk); err != nil {
				t.Fatal(err)
			}
			<-time.After(50 * time.Second)
		}
		<-conn.served
		if took := time.Since(begun); took != 110*time.Second {
			t.Errorf("cut off after %v, want 60 s after the reader's last 256 KiB", took)
		}
		wantSlow(t, s, 0, 1)
	})
}

func TestAStreamThatIsNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servePipe(t)
		conn, _ := s.dial()
		send(t, conn, "GET /feeds/large?format=sse HTTP/1.1\r\nHost: h\r\n\r\n")
		<-conn.served
		wantSlow(t, s, 0, 1)
	})
}

// wantSlow checks who was counted as too slow.
func wantSlow(t *testing.T, s *pipeServer, bodies, unread int64) {
	t.Helper()
	synctest.Wait() // a connection may be closed before its request is counted
	if got := s.http.Stats(); got.SlowBodies != bodies || got.Unread != unread {
		t.Errorf("%d bodies and %d answers are counted as broken off, want %d and %d", got.SlowBodies, got.Unread, bodies, unread)
	}
}

// A body that keeps coming may take longer than the time for the first of it.
func TestALargeBodyGetsMoreTimeAsItMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, in := servePipe(t).dial()
		const pieces = 5
		send(t, conn, fmt.Sprintf("POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", pieces*chunk))
		for range pieces {
			send(t, conn, strings.Repeat("x", chunk))
			<-time.After(25 * time.Second)
		}
		line, err := in.ReadString('\n')
		if err != nil || line != "HTTP/1.1 201 Created\r\n" {
			t.Errorf("answered %q, %v", line, err)
		}
	})
}

// pipes is a listener in memory, on which a synctest bubble has its own time.
type pipes struct {
	made   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.made:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

type pipeServer struct {
	*server
	listener *pipes
}

func servePipe(t *testing.T) *pipeServer { return servePipeWith(t, Handler{}) }

func servePipeWith(t *testing.T, h Handler) *pipeServer {
	l := &pipes{made: make(chan net.Conn), closed: make(chan struct{})}
	return &pipeServer{serveOn(t, l, h), l}
}

// pipeConn is a client's end; served is closed when the server closes its own.
type pipeConn struct {
	net.Conn
	served chan struct{}
}

type servedConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *servedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (s *pipeServer) dial() (*pipeConn, *bufio.Reader) {
	client, served := net.Pipe()
	closed := make(chan struct{})
	s.t.Cleanup(func() {
		_ = client.Close()
		<-closed // nothing may outlive the bubble
	})
	s.listener.made <- &servedConn{Conn: served, closed: closed}
	return &pipeConn{client, closed}, bufio.NewReader(client)
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}
