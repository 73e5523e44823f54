package api

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"atommq/bus"
)

// unwatched is a listener whose connections can be left unwatched, and which counts how often one
// was.
type unwatched struct {
	net.Listener
	leftOut atomic.Int64
	late    bool // to ask for it takes until the client is watched
}

func (l *unwatched) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &unwatchedConn{Conn: conn, listener: l, watched: make(chan struct{})}, err
}

type unwatchedConn struct {
	net.Conn
	listener *unwatched
	armed    atomic.Bool
	watched  chan struct{} // closed once a read of one byte has begun
	once     sync.Once
}

func (c *unwatchedConn) Unwatch() {
	if c.listener.late {
		<-c.watched
	}
	c.armed.Store(true)
}

func (c *unwatchedConn) Read(p []byte) (int, error) {
	if len(p) == 1 && c.armed.Swap(false) {
		c.listener.leftOut.Add(1)
		return 0, nil
	}
	if len(p) == 1 && c.listener.late {
		c.once.Do(func() { close(c.watched) })
	}
	return c.Conn.Read(p)
}

// unwatching serves on such a listener.
func unwatching(t *testing.T, late bool) (*server, *unwatched) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &unwatched{Listener: tcp, late: late}
	return serveOn(t, listener, Handler{}), listener
}

// post sends a POST to feed x, whose head begins with the type, over a connection.
func post(t *testing.T, conn net.Conn, rest string) {
	t.Helper()
	send(t, conn, "POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: "+rest)
}

// readStatus reads an answer away.
func readStatus(t *testing.T, answers *bufio.Reader) int {
	t.Helper()
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// wantWatched has a poll wait on conn, and shows that its leaving is noticed.
func (s *server) wantWatched(conn net.Conn) {
	s.t.Helper()
	if _, err := io.WriteString(conn, "GET /feeds/x?after=1000 HTTP/1.1\r\nHost: h\r\nPrefer: wait=60\r\n\r\n"); err != nil {
		s.t.Fatal(err)
	}
	s.waitForReaders(1)
	if err := conn.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.waitForReaders(0)
}

func TestWhoPublishesIsWatchedAgainFromTheNextRequest(t *testing.T) {
	s, listener := unwatching(t, false)
	conn := dialTCP(t, s)
	answers := bufio.NewReader(conn)
	for i, rest := range []string{
		"text/plain\r\nContent-Length: 2\r\n\r\nhi",
		"text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		"image/png\r\nContent-Length: 2\r\n\r\nhi",
	} {
		post(t, conn, rest)
		if status := readStatus(t, answers); status != http.StatusCreated {
			t.Fatalf("%q: status %d", rest, status)
		}
		eventually(t, "a read is left out", func() bool { return listener.leftOut.Load() == int64(i+1) })
	}
	s.wantWatched(conn)
}

func TestWhoFailsToPublishIsWatchedAgainFromTheNextRequest(t *testing.T) {
	s, _ := unwatching(t, false)
	s.fill(1)
	for _, rest := range []string{
		"application/atom+xml\r\nContent-Length: 1\r\n\r\n<",
		"text/plain\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
		"text/plain\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nnone",
	} {
		conn := dialTCP(t, s)
		post(t, conn, rest)
		if status := readStatus(t, bufio.NewReader(conn)); status < http.StatusBadRequest {
			t.Errorf("%q: status %d", rest, status)
		}
		s.wantWatched(conn)
	}
}

func TestWhoPublishesNothingIsWatchedAgainFromTheNextRequest(t *testing.T) {
	s, _ := unwatching(t, true)
	conn := dialTCP(t, s)
	post(t, conn, "text/plain\r\nContent-Length: 0\r\n\r\n")
	readStatus(t, bufio.NewReader(conn))
	s.wantWatched(conn)
}

func TestWhoPublishesMayCloseHisSideOfTheConnection(t *testing.T) {
	s, _ := unwatching(t, false)
	writing, goOn := make(chan struct{}, 2), make(chan struct{})
	s.store.BeforeCommit = func([]*bus.Op) error {
		writing <- struct{}{}
		<-goOn
		return nil
	}
	first, second := dialTCP(t, s), dialTCP(t, s)
	post(t, first, "text/plain\r\nContent-Length: 2\r\n\r\nhi")
	<-writing
	post(t, second, "text/plain\r\nContent-Length: 2\r\n\r\nhi")
	eventually(t, "the second waits for the first", func() bool { return s.bus.Stats().Waiting == 1 })
	for _, conn := range []*net.TCPConn{first, second} {
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	s.do(http.MethodGet, "/feeds", "").want(t, http.StatusOK) // takes longer than to see that they closed
	close(goOn)
	for _, conn := range []*net.TCPConn{first, second} {
		if status := readStatus(t, bufio.NewReader(conn)); status != http.StatusCreated {
			t.Errorf("status %d", status)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
