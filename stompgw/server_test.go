package stompgw_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

// Every RECEIPT that a client got before the server went is of a message that is kept.
func TestShutdownUnderLoadKeepsWhatWasReceipted(t *testing.T) {
	g := start(t)
	var running sync.WaitGroup
	var receipted atomic.Int64
	begun := make(chan struct{}, 8)
	for i := range 8 {
		c := g.connect(t, "1.2")
		running.Go(func() {
			for n := 0; ; n++ {
				if n == 20 {
					begun <- struct{}{}
				}
				text := fmt.Sprintf("SEND\ndestination:/queue/x\nreceipt:%d-%d\n\nbody\x00", i, n)
				if _, err := io.WriteString(c.nc, text); err != nil {
					return
				}
				f, err := c.read()
				if err != nil {
					return
				}
				if f.Command == stomp.ERROR {
					if got := header(f, "message"); got != "the server is shutting down" {
						t.Errorf("got %s", show(f))
					}
					return
				}
				receipted.Add(1)
			}
		})
	}
	consumer := g.connect(t, "1.2")
	consumer.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "ack:client")
	for range 8 {
		<-begun
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := g.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if err := g.Shutdown(ctx); err != nil {
		t.Errorf("again: %v", err)
	}
	running.Wait()
	q, err := g.Bus.Queue(t.Context(), "x", bus.DefaultQueue)
	if err != nil {
		t.Fatal(err)
	}
	if q.Waiting < receipted.Load() {
		t.Errorf("%d receipts, %d messages", receipted.Load(), q.Waiting)
	}
}

func TestShutdownCutsOffWhoDoesNotGo(t *testing.T) {
	memory := new(bustest.Memory)
	blocked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	memory.BeforeCommit = func([]*bus.Op) error {
		once.Do(func() { close(blocked) })
		<-release
		return nil
	}
	g := serveMemory(t, memory)
	c := g.connect(t, "1.2")
	c.sendFrame("SEND", "destination:/queue/x", "receipt:1")
	<-blocked
	gone := errors.New("no more patience")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if err := g.Shutdown(ctx); !errors.Is(err, gone) {
		t.Errorf("Shutdown: %v", err)
	}
	close(release)
}

// serveMemory serves a bus on a store that tests make fail.
func serveMemory(t *testing.T, memory *bustest.Memory, configure ...func(*stompgw.Server)) *gateway {
	t.Helper()
	b, err := bus.Open(context.Background(), memory, nil, bus.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return serve(t, &stompgw.Server{Bus: b}, configure...)
}

func TestStorageFaultIsToldAndNothingIsReceipted(t *testing.T) {
	var failing atomic.Pointer[error]
	memory := &bustest.Memory{BeforeCommit: func([]*bus.Op) error {
		if err := failing.Load(); err != nil {
			return *err
		}
		return nil
	}}
	var log strings.Builder
	g := serveMemory(t, memory, func(s *stompgw.Server) { s.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for _, c := range []struct {
		err     error
		message string
	}{
		{bus.ErrFull, "storage is full"},
		{bus.ErrUnavailable, "storage is unavailable"},
		{errors.New("secret of the database"), "internal error"},
	} {
		failing.Store(&c.err)
		old := g.connect(t, "1.0")
		old.sendFrame("SEND", "destination:/queue/x", "receipt:1")
		f := old.next()
		if f.Command != stomp.ERROR || header(f, "message") != c.message || header(f, "receipt-id") != "1" {
			t.Errorf("got %s", show(f))
		}
		if strings.Contains(show(f), "secret") {
			t.Errorf("a secret is told: %s", show(f))
		}
		failing.Store(nil)
		// 1.0 goes on.
		old.sendFrame("SEND", "destination:/queue/x", "receipt:2")
		if f := old.next(); f.Command != stomp.RECEIPT {
			t.Errorf("got %s", show(f))
		}
	}
	if !strings.Contains(log.String(), "secret of the database") {
		t.Errorf("not logged: %s", log.String())
	}
}

// A failed ACK in a session that goes on can be sent again.
func TestAckThatFailedCanBeRepeated(t *testing.T) {
	var failing atomic.Bool
	memory := &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
		for _, op := range ops {
			if failing.Load() && len(op.Settle) > 0 {
				return bus.ErrUnavailable
			}
		}
		return nil
	}}
	g := serveMemory(t, memory)
	c := g.connect(t, "1.0")
	c.sendFrame("SEND", "destination:/queue/x")
	c.sendFrame("SUBSCRIBE", "destination:/queue/x", "ack:client")
	id := header(c.next(), "message-id")
	failing.Store(true)
	c.sendFrame("ACK", "message-id:"+id, "receipt:1")
	if f := c.next(); f.Command != stomp.ERROR {
		t.Errorf("got %s", show(f))
	}
	failing.Store(false)
	c.sendFrame("ACK", "message-id:"+id, "receipt:2")
	if f := c.next(); f.Command != stomp.RECEIPT {
		t.Errorf("got %s", show(f))
	}
}

// A client that has said all it has to say still gets its receipts.
func TestReceiptsAfterTheClientsLastWord(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	var all strings.Builder
	for i := range 100 {
		all.WriteString("SEND\ndestination:/queue/x\nreceipt:" + strconv.Itoa(i) + "\n\n\x00")
	}
	c.send(all.String())
	if err := c.nc.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		c.next()
	}
	c.expectEnd()
}
