package api

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"atommq/bus"
)

// What live reading is bounded by where a Handler says nothing.
const (
	DefaultMaxWait        = 50 * time.Second // below the 60 s after which proxies give up
	DefaultMaxReaders     = 20_000
	DefaultStreamLifetime = time.Hour
	DefaultHeartBeat      = 15 * time.Second
)

// live counts those who wait for what is published, and sends them away in the end.
type live struct {
	maxWait, lifetime, beat time.Duration
	most                    int
	beatValue               []string // of the header field

	ending chan struct{} // closed when everybody is to come back later

	mu      sync.Mutex
	now     int                   // readers
	streams map[*stream]struct{}  // those of them that do not end by themselves
	ended   bool                  // ending is closed
	idle    chan struct{}         // closed when the last one has left, after the end
	conns   map[net.Conn]struct{} // that were taken over from net/http
}

func newLive(h *Handler) *live {
	l := &live{
		maxWait:  orUsual(h.MaxWait, DefaultMaxWait),
		lifetime: orUsual(h.StreamLifetime, DefaultStreamLifetime),
		beat:     orUsual(h.HeartBeat, DefaultHeartBeat),
		most:     orUsual(h.MaxReaders, DefaultMaxReaders),

		ending: make(chan struct{}), idle: make(chan struct{}), conns: make(map[net.Conn]struct{}), streams: make(map[*stream]struct{}),
	}
	l.beatValue = []string{inSeconds(l.beat)}
	return l
}

// orUsual returns a setting, or the usual one where it says nothing.
func orUsual[T int | int64 | time.Duration](setting, usual T) T {
	if setting <= 0 {
		return usual
	}
	return setting
}

// enter counts a reader, if there is room for one and its caller may have one more. st is its
// stream, nil where it waits for one answer.
func (l *live) enter(c *bus.Caller, st *stream) error {
	if err := c.Enter(bus.LimitConnections); err != nil {
		return err
	}
	err := l.admit(st)
	if err != nil {
		c.Leave(bus.LimitConnections, 1)
	}
	return err
}

func (l *live) admit(st *stream) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
		return bus.ErrClosed
	case l.now >= l.most:
		return &problemError{
			Status: http.StatusServiceUnavailable,
			Detail: "As many wait for new entries as this server lets at once (--max-readers). Come back later, or poll without waiting.",
			Header: retryAfter,
		}
	}
	l.now++
	if st != nil {
		l.streams[st] = struct{}{}
	}
	return nil
}

// leave takes a caller's reader away, with its stream and the connection that it has taken over, nil for none.
func (l *live) leave(c *bus.Caller, st *stream, conn net.Conn) {
	c.Leave(bus.LimitConnections, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if conn != nil {
		delete(l.conns, conn)
	}
	delete(l.streams, st)
	if l.now--; l.ended && l.now == 0 {
		close(l.idle)
	}
}

// adopt remembers a connection, to cut it off if need be.
func (l *live) adopt(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[conn] = struct{}{}
}

// end has every reader leave, and lets no other come.
func (l *live) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	close(l.ending)
	if l.now == 0 {
		close(l.idle)
	}
}

// wait waits for the readers to leave. When ctx ends first, it cuts off those whose connections
// are not net/http's.
func (l *live) wait(ctx context.Context) error {
	select {
	case <-l.idle:
		return nil
	case <-ctx.Done():
	}
	l.cut()
	<-l.idle
	return context.Cause(ctx)
}

// cut breaks the connections of readers that are still there.
func (l *live) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.conns {
		_ = conn.Close()
	}
}

// jittered returns a time of d to d and a quarter, so that what began together does not end together.
func jittered(d time.Duration) time.Duration { return d + rand.N(d/4+1) }
