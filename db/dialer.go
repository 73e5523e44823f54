package db

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/lib/pq"
)

// dialer opens connections that end within seconds of the other side being cut off.
type dialer struct{}

var (
	_ pq.Dialer        = dialer{}
	_ pq.DialerContext = dialer{}
)

// Dial implements pq.Dialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout implements pq.Dialer.
func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// DialContext implements pq.DialerContext.
func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	n := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 3 * time.Second, Interval: time.Second, Count: 3},
		Control:         giveUp,
	}
	return n.DialContext(ctx, network, address)
}

// sessionDialer does so for one session at a time, whose waits are bounded.
type sessionDialer struct {
	dialer
	begun bool // the session is: what is dialed from then on has another purpose

	mu    sync.Mutex
	abort context.CancelFunc // breaks off what is being dialed, nil when nothing is
	last  *boundedConn       // opened last: the one that the session is on
	ended bool
}

var _ pq.DialerContext = (*sessionDialer)(nil)

// errEnded says that nobody wants the session any more.
var errEnded = errors.New("the session was given up")

// DialContext implements pq.DialerContext.
func (d *sessionDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.begun {
		return d.dialer.DialContext(ctx, network, address)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !d.beginDial(cancel) {
		return nil, errEnded
	}
	conn, err := d.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		_ = conn.Close()
		return nil, errEnded
	}
	d.abort, d.last = nil, &boundedConn{Conn: conn}
	return d.last, nil
}

// beginDial notes what breaks off what is dialed now, and reports false where nothing is to be.
func (d *sessionDialer) beginDial(abort context.CancelFunc) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	// The driver lets go of a server that refused TLS, to try again without, but not of the connection:
	// a server that is to stop waits for it, up to a minute.
	if d.last != nil {
		_ = d.last.Close()
	}
	d.abort = abort
	return !d.ended
}

// end closes the connection, and breaks off and refuses those that come. It may be called again, and
// beside anything.
func (d *sessionDialer) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.abort != nil {
		d.abort()
	}
	if d.last != nil {
		_ = d.last.Close()
	}
}

// begin says that the session is there, and bounds its waits.
func (d *sessionDialer) begin(limit time.Duration) { d.begun, d.last.limit = true, limit }

// answerLimit is how long a server may keep a session waiting: longer than it waits for any lock.
// One that hangs, as when its disk does or its standby is gone, keeps its connections open.
const answerLimit = 12 * time.Second

// boundedConn is a connection that fails when the other side does not go on for too long. Until
// limit is set, the deadlines are the driver's.
type boundedConn struct {
	net.Conn
	limit time.Duration
}

// Read implements net.Conn.
func (c *boundedConn) Read(p []byte) (int, error) {
	if c.limit > 0 {
		if err := c.SetReadDeadline(time.Now().Add(c.limit)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c *boundedConn) Write(p []byte) (int, error) {
	if c.limit > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}
