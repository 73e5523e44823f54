package stompgw

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("STOMP server is closed")

// Server speaks STOMP on the bus. Zero fields mean their defaults; none may be changed
// once a method was called.
type Server struct {
	Bus *bus.Bus
	Log *slog.Logger // default slog.Default()

	Name    string // what CONNECTED calls the server; default "AtomMQ"
	BaseURL string // that links in whole entries begin with; default "http://localhost:8080"

	// Login and Passcode are the account that clients have to give. Everybody may come in when
	// both are empty.
	Login, Passcode string

	Limits stomp.Limits // of a frame

	MaxConnections   int // at once; default 20,000
	MaxSubscriptions int // of a connection; default 1,000,000
	MaxTempQueues    int // of a connection; default 100
	MaxTransactions  int // open at once, of a connection; default 100
	// TransactionFrames and TransactionBytes bound what the open transactions of a connection hold together;
	// default 2,000 frames, and 16 MiB of them.
	TransactionFrames, TransactionBytes int

	Prefetch    int // messages a subscription holds unacknowledged that asks for no number; default 100
	MaxPrefetch int // and that it can ask for; default 10,000

	// HeartBeat is the longest time between heart-beats that the server asks for and offers, where
	// the client has them at all; default 10 s.
	HeartBeat      time.Duration
	ConnectTimeout time.Duration // for the CONNECT frame to arrive in; default 10 s
	WriteTimeout   time.Duration // without the client taking a byte; default 30 s

	start sync.Once
	mu    sync.Mutex
}

// Serve accepts connections from l, which it closes, and runs a session on each. It returns
// ErrServerClosed after Shutdown, else why l failed.
func (s *Server) Serve(l net.Listener) error {
	panic("not built yet")
}

// ServeConn runs a session on nc, which it closes, until that has ended.
func (s *Server) ServeConn(nc net.Conn) {
	panic("not built yet")
}

// Shutdown ends what Serve and ServeConn do: it takes no more connections, and each session finishes the
// frames that it took, tells its client with an ERROR, and closes. When ctx ends first,
// connections are cut off, and it returns ctx's cause. It may be called again.
func (s *Server) Shutdown(ctx context.Context) error {
	panic("not built yet")
}
