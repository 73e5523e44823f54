package api

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// patience is how long anybody may wait for an answer while others are slow. It is far from both what an
// answer takes and the time that slow clients are given.
const patience = 10 * time.Second

// dial opens a connection that does as little as it is told to.
func (s *server) dial(send string) net.Conn {
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
	return conn
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
	s := serveWith(t, Handler{}, func(srv *http.Server) { srv.ReadTimeout = 50 * time.Millisecond })
	a := s.send("POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\nsome of it")
	a.want(t, http.StatusRequestTimeout).wantText(t, "too slowly")
}

func TestAReaderThatStopsIsCutOff(t *testing.T) {
	closed := make(chan struct{})
	s := serveWith(t, Handler{}, func(srv *http.Server) {
		srv.WriteTimeout = 50 * time.Millisecond
		srv.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				closed <- struct{}{}
			}
		}
	})
	large := &feeds.Entry{XML: []byte(`<entry xmlns="` + feeds.NamespaceAtom + `"><content>` + strings.Repeat("x", 12<<20) + `</content></entry>`)}
	if _, err := s.bus.Publish(t.Context(), bus.Post{Feed: "large", Entry: large}); err != nil {
		t.Fatal(err)
	}
	s.dial("GET /feeds/large HTTP/1.1\r\nHost: h\r\n\r\n") // and reads nothing
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("the connection is still open")
	}
}

// A body that keeps coming may take longer than the time for the first of it.
func TestALargeBodyGetsMoreTimeAsItMoves(t *testing.T) {
	s := serveWith(t, Handler{}, func(srv *http.Server) { srv.ReadTimeout = 200 * time.Millisecond })
	begun := time.Now()
	body := &paused{left: 3, wait: 150 * time.Millisecond}
	a, err := s.try(http.MethodPost, "/feeds/x", body, "Content-Type: text/plain")
	if err != nil {
		t.Fatal(err)
	}
	a.want(t, http.StatusCreated)
	if time.Since(begun) < 300*time.Millisecond {
		t.Error("the test was too quick to show anything")
	}
}

// paused is a body of left pieces, each larger than chunk, with a pause before all but the first.
type paused struct {
	left int
	wait time.Duration
	part io.Reader
}

func (p *paused) Read(b []byte) (int, error) {
	for {
		if p.part == nil {
			if p.left == 0 {
				return 0, io.EOF
			}
			p.left--
			p.part = strings.NewReader(strings.Repeat("x", chunk+1))
			if p.left < 2 {
				<-time.After(p.wait)
			}
		}
		n, err := p.part.Read(b)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			p.part = nil
		}
	}
}
