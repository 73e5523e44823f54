package stompgw

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("STOMP server is closed")

// DefaultOpenBytes is what Server.OpenBytes is by default.
const DefaultOpenBytes = 128 << 20

// Server speaks STOMP on the bus. Zero fields mean their defaults; none may be changed
// once a method was called.
type Server struct {
	Bus *bus.Bus
	Log *slog.Logger // default slog.Default()

	Name    string // what CONNECTED calls the server; default "AtomMQ"
	BaseURL string // that links in whole entries begin with, without a slash at the end; default "http://localhost:8080"

	Access *bus.Access // says who may do what; nil for everything to everybody
	// ClientCertificates says that clients who speak TLS may show certificates, which name their accounts.
	ClientCertificates bool

	Limits stomp.Limits // of a frame

	MaxConnections   int // at once; default 20,000
	MaxSubscriptions int // of a connection; default 1,000,000
	MaxTempQueues    int // of a connection; default 100
	MaxTransactions  int // open at once, of a connection; default 100
	// TransactionFrames and TransactionBytes bound what the open transactions of a connection hold
	// together; default 2,000 frames, and 16 MiB of the entries that they become.
	TransactionFrames, TransactionBytes int
	// OpenBytes bounds what the open transactions of all connections hold together; default
	// DefaultOpenBytes.
	OpenBytes int64
	// PendingBytes bounds the frames of a connection that are not on disk yet, 512 bytes counted
	// for each beside its own; it is not read further meanwhile. Default 2 MiB.
	PendingBytes int
	// HeldBytes bounds the messages that a connection has and did not acknowledge: its queues
	// give it no more meanwhile, whatever its prefetch. Default 64 MiB.
	HeldBytes int64

	Prefetch    int // messages a subscription holds unacknowledged that asks for no number; default 100
	MaxPrefetch int // and that it can ask for; default 10,000, at most 65,535

	// HeartBeat is the longest time between heart-beats that the server asks for and offers, where
	// the client has them at all; default 10 s.
	HeartBeat      time.Duration
	ConnectTimeout time.Duration // for the CONNECT frame to arrive in; default 10 s
	FrameTimeout   time.Duration // for the first 256 KiB of a frame that has begun to arrive in, and each further 256 KiB; default 30 s
	WriteTimeout   time.Duration // for a client to take what is written to it, 256 KiB at a time; default 30 s

	start    sync.Once
	topics   *topics
	stats    stats
	opened   atomic.Int64   // bytes that open transactions hold
	sessions sync.WaitGroup // and what Serve is about to begin

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]bool
	conns     map[*conn]bool
	told      time.Time // when the log was last told that connections are refused
	untold    int       // how many were since
}

// tellEvery is how often the log is told that connections are refused.
const tellEvery = 10 * time.Second

func (s *Server) init() {
	s.start.Do(func() {
		if s.Log == nil {
			s.Log = slog.Default()
		}
		if s.Access == nil {
			s.Access = bus.OpenHouse()
		}
		setDefault(&s.Name, "AtomMQ")
		setDefault(&s.BaseURL, "http://localhost:8080")
		setDefault(&s.MaxConnections, 20_000)
		setDefault(&s.MaxSubscriptions, 1_000_000)
		setDefault(&s.MaxTempQueues, 100)
		setDefault(&s.MaxTransactions, 100)
		setDefault(&s.TransactionFrames, 2000)
		setDefault(&s.TransactionBytes, 16<<20)
		setDefault(&s.OpenBytes, DefaultOpenBytes)
		setDefault(&s.PendingBytes, 2<<20)
		setDefault(&s.HeldBytes, 64<<20)
		setDefault(&s.MaxPrefetch, 10_000)
		s.MaxPrefetch = min(s.MaxPrefetch, math.MaxUint16)
		setDefault(&s.Prefetch, 100)
		s.Prefetch = min(s.Prefetch, s.MaxPrefetch)
		setDefault(&s.HeartBeat, 10*time.Second)
		setDefault(&s.ConnectTimeout, 10*time.Second)
		setDefault(&s.FrameTimeout, 30*time.Second)
		setDefault(&s.WriteTimeout, 30*time.Second)
		s.listeners = make(map[net.Listener]bool)
		s.conns = make(map[*conn]bool)
		s.topics = newTopics(s.Bus, s.BaseURL)
		s.sweepTemps()
	})
}

// sweepTime bounds how long the first session waits for what others left behind to be removed.
const sweepTime = 10 * time.Second

// sweepTemps removes the temp feeds of sessions whose process is gone, before anybody answers there.
// What it cannot remove now, the bus tries again.
func (s *Server) sweepTemps() {
	ctx, cancel := context.WithTimeout(context.Background(), sweepTime)
	defer cancel()
	n, err := s.Bus.SweepTemps(ctx)
	if err != nil {
		s.Log.Warn("removing temp queues that were left behind failed; trying again later", "error", err)
	}
	if n > 0 {
		s.Log.Info("removed temp queues that were left behind", "count", n)
	}
}

func setDefault[T comparable](field *T, value T) {
	var unset T
	if *field == unset {
		*field = value
	}
}

// Serve accepts connections from l, which it closes, and runs a session on each. It returns
// ErrServerClosed after Shutdown, else why l failed.
func (s *Server) Serve(l net.Listener) error {
	s.init()
	defer l.Close()
	if !s.listen(l) {
		return ErrServerClosed
	}
	defer s.unlisten(l)
	for failures := 0; ; {
		nc, err := l.Accept()
		switch {
		case err == nil:
			failures = 0
			if !s.hold() {
				_ = nc.Close() // the client sees that nobody is there
				return ErrServerClosed
			}
			go func() {
				defer s.sessions.Done()
				s.ServeConn(nc)
			}()
		case s.isClosed():
			return ErrServerClosed
		case !temporary(err):
			return fmt.Errorf("accept STOMP connections: %w", err)
		default:
			failures++
			s.Log.Warn("accepting a STOMP connection failed; trying again", "error", err)
			pause(failures)
		}
	}
}

// temporary tells errors of Accept that pass, such as too many open files.
func temporary(err error) bool {
	_, failed := errors.AsType[net.Error](err)
	return failed && !errors.Is(err, net.ErrClosed)
}

// pause waits before accepting is tried again: 5 ms at first, at most a second, with jitter.
func pause(failures int) {
	longest := min(5*time.Millisecond<<min(failures-1, 10), time.Second)
	<-time.After(longest/2 + rand.N(longest/2))
}

func (s *Server) listen(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.listeners[l] = true
	}
	return !s.closed
}

func (s *Server) unlisten(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// hold has Shutdown wait for sessions.Done.
func (s *Server) hold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.sessions.Add(1)
	}
	return !s.closed
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// ServeConn runs a session on nc, which it closes, until that has ended.
func (s *Server) ServeConn(nc net.Conn) {
	s.init()
	ctx, cut := context.WithCancel(context.Background())
	defer cut()
	c := newConn(s, nc, cut)
	s.stats.accepted.Add(1)
	if refusal := s.enter(c); refusal != nil {
		c.logError(refusal)
		refuse(nc, refusal, c.name)
		return
	}
	defer s.leave(c)
	c.serve(ctx)
}

// enter counts c among the sessions, unless there is no room.
func (s *Server) enter(c *conn) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return shuttingDown()
	case len(s.conns) >= s.MaxConnections:
		s.stats.refused.Add(1)
		s.untold++
		if now := time.Now(); now.Sub(s.told) >= tellEvery {
			s.Log.Warn("connections are refused", "cause", fmt.Sprintf("the server has its %d connections (--max-connections)", s.MaxConnections),
				"client", c.nc.RemoteAddr(), "refused", s.untold)
			s.told, s.untold = now, 0
		}
		return faultf("try again later, or have the server's limit of connections raised", "the server has its %d connections", s.MaxConnections)
	}
	s.conns[c] = true
	s.sessions.Add(1)
	return nil
}

func (s *Server) leave(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.sessions.Done()
}

func shuttingDown() *fault {
	return &fault{message: "the server is shutting down", detail: "connect again later", ends: true, spares: true}
}

// Shutdown ends what Serve and ServeConn do: it takes no more connections, and each session
// finishes the frames that it took, tells its client with an ERROR, and closes. When ctx ends
// first, connections are cut off, and it returns ctx's cause. It may be called again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.init()
	s.mu.Lock()
	s.closed = true
	for l := range s.listeners {
		_ = l.Close() // Serve reports what is wrong with it
	}
	for c := range s.conns {
		c.leaveOff()
	}
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.sessions.Wait()
		s.topics.close()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		s.cutOff()
		return context.Cause(ctx)
	}
}

// cutOff closes the connections of the sessions that are left.
func (s *Server) cutOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.abandon()
	}
}
