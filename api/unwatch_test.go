package api

import (
	"bufio"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"atommq/bus"
)

// unwatched is a listener whose connections can be left unwatched, and which counts how often one was.
type unwatched struct {
	net.Listener
	leftOut atomic.Int64
}

func (l *unwatched) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &unwatchedConn{Conn: conn, listener: l}, err
}

type unwatchedConn struct {
	net.Conn
	listener *unwatched
	armed    atomic.Bool
}

func (c *unwatchedConn) Unwatch() { c.armed.Store(true) }

func (c *unwatchedConn) Read(p []byte) (int, error) {
	if len(p) == 1 && c.armed.Swap(false) {
		c.listener.leftOut.Add(1)
		return 0, nil
	}
	return c.Conn.Read(p)
}

func TestWhoPublishesIsWatchedAgainFromTheNextRequest(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &unwatched{Listener: tcp}
	s := serveOn(t, listener, Handler{HeartBeat: time.Hour})
	conn := dialTCP(t, s)
	t.Cleanup(func() { _ = conn.Close() })
	answers := bufio.NewReader(conn)
	posts := []string{
		"POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi",
		"POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		"POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: image/png\r\nContent-Length: 2\r\n\r\nhi",
	}
	for i, post := range posts {
		send(t, conn, post)
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusCreated {
			t.Fatal(resp.Status, err)
		}
		eventually(t, "a read is left out", func() bool { return listener.leftOut.Load() == int64(i+1) })
	}
	readStream(t, conn, streamRequest)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	s.waitForReaders(0)
}

func TestWhoPublishesMayCloseHisSideOfTheConnection(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serveOn(t, &unwatched{Listener: tcp}, Handler{})
	post := func() *net.TCPConn {
		conn := dialTCP(t, s)
		t.Cleanup(func() { _ = conn.Close() })
		send(t, conn, "POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi")
		return conn
	}
	writing, goOn := make(chan struct{}, 2), make(chan struct{})
	s.store.BeforeCommit = func([]*bus.Op) error {
		writing <- struct{}{}
		<-goOn
		return nil
	}
	first := post()
	<-writing
	second := post()
	eventually(t, "the second waits for the first", func() bool { return s.bus.Stats().Waiting == 1 })
	for _, conn := range []*net.TCPConn{first, second} {
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	s.do(http.MethodGet, "/feeds", "").want(t, http.StatusOK) // takes longer than to see that they closed
	close(goOn)
	for _, conn := range []*net.TCPConn{first, second} {
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusCreated {
			t.Error(resp, err)
		}
	}
}
