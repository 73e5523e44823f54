package stompgw

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/stompgw/stomp"
)

// session is a client of a server in this process, whose connection can be looked into.
type session struct {
	*conn
	t      testing.TB
	nc     net.Conn
	frames *stomp.Reader
}

// open begins a session.
func open(t testing.TB, configure ...func(*Server)) *session {
	t.Helper()
	b, err := bus.Open(context.Background(), &bustest.Memory{}, nil, bus.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := &Server{Bus: b, Log: slog.New(slog.DiscardHandler)}
	for _, c := range configure {
		c(server)
	}
	server.init()
	nc, far := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.ServeConn(far)
	}()
	t.Cleanup(func() {
		nc.Close()
		<-ended
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		b.Close()
	})
	s := &session{t: t, nc: nc, frames: stomp.NewReader(nc, stomp.Limits{})}
	s.send("CONNECT\naccept-version:1.2\nhost:test\n\n\x00")
	s.next(stomp.CONNECTED)
	server.mu.Lock()
	defer server.mu.Unlock()
	for s.conn = range server.conns {
	}
	return s
}

func (s *session) send(text string) {
	s.t.Helper()
	if err := s.nc.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.nc.Write([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// next returns the next frame, which has to be such a one.
func (s *session) next(want stomp.Command) *stomp.Frame {
	s.t.Helper()
	f, err := s.frames.Next()
	if err != nil || f.Command != want {
		s.t.Fatalf("got %+v, %v", f, err)
	}
	return f
}

func TestWhatAClientHoldsIsInTheStoreAlone(t *testing.T) {
	s := open(t)
	s.send("SUBSCRIBE\nid:1\ndestination:/queue/x\nack:client-individual\n\n\x00")
	const n = 3
	for range n {
		s.send("SEND\ndestination:/queue/x\n\n" + strings.Repeat("x", 100_000) + "\x00")
		s.next(stomp.MESSAGE)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.held) != n {
		t.Fatalf("%d are held", len(s.held))
	}
	for _, h := range s.held {
		if h.Entry != nil {
			t.Errorf("%d bytes of message %d are in memory", len(h.Entry.XML), h.ID)
		}
	}
}
