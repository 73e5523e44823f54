package stompgw_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/stompgw"
)

// pipe runs a session over a pipe, in a bubble, where time passes as soon as everybody waits.
func pipe(t *testing.T, s *stompgw.Server) (client net.Conn, ended <-chan struct{}, end func()) {
	t.Helper()
	return pipeTo(t, s, new(bustest.Memory))
}

// pipeTo does so with a store.
func pipeTo(t *testing.T, s *stompgw.Server, store bus.Store) (client net.Conn, ended <-chan struct{}, end func()) {
	t.Helper()
	return pipeThrough(t, s, store, func(_, server net.Conn) net.Conn { return server })
}

// pipeThrough does so with what around makes of the server's end.
func pipeThrough(t *testing.T, s *stompgw.Server, store bus.Store, around func(client, server net.Conn) net.Conn) (client net.Conn, ended <-chan struct{}, end func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	b, err := bus.Open(context.Background(), store, nil, bus.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s.Bus, s.Log = b, log
	client, server := net.Pipe()
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.ServeConn(around(client, server))
	}()
	return client, over, func() {
		client.Close()
		<-over
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		b.Close()
	}
}

func TestServerDropsTheSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, _, end := pipe(t, new(stompgw.Server))
		defer end()
		c := newClient(t, nc)
		c.send("CONNECT\naccept-version:1.2\nheart-beat:1000,0\n\n\x00")
		c.next()
		for range 20 { // alive as long as something comes
			<-time.After(1500 * time.Millisecond)
			c.send("\n")
		}
		begun := time.Now()
		if f := c.next(); header(f, "message") != "nothing came for 2s" {
			t.Errorf("got %s", show(f))
		}
		if d := time.Since(begun); d < 2*time.Second || d > 2100*time.Millisecond {
			t.Errorf("dropped after %v", d)
		}
		c.expectEnd()
	})
}

// stoppedConn is the connection of a process that does not run while a deadline passes and its client
// sends something.
type stoppedConn struct {
	net.Conn
	meanwhile func()
}

func (c stoppedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.meanwhile()
	}
	return n, err
}

// Go tells a reader that wakes up too late of its deadline, be there something to read.
func TestAServerThatWasStoppedDropsNobodyWhoSentHeartBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var beats sync.WaitGroup
		nc, _, end := pipeThrough(t, new(stompgw.Server), new(bustest.Memory), func(client, server net.Conn) net.Conn {
			return stoppedConn{server, func() { beats.Go(func() { _, _ = client.Write([]byte("\n")) }) }}
		})
		defer beats.Wait()
		defer end()
		c := newClient(t, nc)
		c.send("CONNECT\naccept-version:1.2\nheart-beat:1000,0\n\n\x00")
		c.next()
		if err := nc.SetReadDeadline(time.Now().Add(3 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(nc); !errors.Is(err, os.ErrDeadlineExceeded) || len(got) > 0 {
			t.Errorf("after 3s: %q, %v", got, err)
		}
	})
}

func TestServerSendsHeartBeatsWhenItIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, _, end := pipe(t, new(stompgw.Server))
		defer end()
		c := newClient(t, nc)
		c.send("CONNECT\naccept-version:1.2\nheart-beat:0,1000\n\n\x00")
		c.next()
		last := time.Now()
		for range 10 {
			if err := nc.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			n, err := nc.Read(b)
			if err != nil || string(b[:n]) != "\n" {
				t.Fatalf("got %q, %v", b[:n], err)
			}
			if d := time.Since(last); d > time.Second || d < 500*time.Millisecond {
				t.Errorf("after %v", d)
			}
			last = time.Now()
		}
	})
}

func TestSilenceIsAllowedToThoseWhoAgreedOnNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, _, end := pipe(t, new(stompgw.Server))
		defer end()
		c := newClient(t, nc)
		c.send("CONNECT\naccept-version:1.2\n\n\x00")
		c.next()
		<-time.After(24 * time.Hour)
		c.sendFrame("DISCONNECT", "receipt:1")
		c.next()
	})
}

func TestSlowReaderIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, ended, end := pipe(t, new(stompgw.Server))
		defer end()
		c := newClient(t, nc)
		c.send("CONNECT\naccept-version:1.2\n\n\x00")
		c.next()
		// A pipe has no buffer: nobody reads the RECEIPT.
		c.sendFrame("SEND", "destination:/queue/x", "receipt:1")
		select {
		case <-ended:
			t.Error("cut off too early")
		case <-time.After(29 * time.Second):
		}
		select {
		case <-ended:
		case <-time.After(2 * time.Second):
			t.Error("not cut off")
		}
	})
}
