package stompgw

import (
	"context"
	"log/slog"
	"net"
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
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		b.Close()
	})
	s := connect(t, server)
	server.mu.Lock()
	defer server.mu.Unlock()
	for s.conn = range server.conns {
	}
	return s
}

// another begins one more session of the same server.
func (s *session) another() *session { return connect(s.t, s.server) }

func connect(t testing.TB, server *Server) *session {
	t.Helper()
	nc, far := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.ServeConn(far)
	}()
	t.Cleanup(func() {
		nc.Close()
		<-ended
	})
	s := &session{t: t, nc: nc, frames: stomp.NewReader(nc, stomp.Limits{})}
	s.send("CONNECT\naccept-version:1.2\nhost:test\n\n\x00")
	s.next(stomp.CONNECTED)
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
