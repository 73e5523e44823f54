package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"atommq/bus"
)

// crowd counts the connections at the doors for clients, so that the process never runs out of
// files, and no address takes all that there are.
type crowd struct {
	files      int                   // connections at once, over all doors, that the limit of open files leaves room for
	perAddress int                   // 0 for any
	exempt     func(netip.Addr) bool // from the limit for an address
	log        *slog.Logger
	farewells  chan struct{} // holds a token for each connection that is being told why it is refused

	mu        sync.Mutex
	all       int
	byScheme  map[string]int
	byAddress map[netip.Addr]int // by bus.Origin
	told      time.Time          // when the log was last told of a refusal
	untold    int                // refusals since
	refused   map[refusal]int64

	slowHeads atomic.Int64 // HTTP connections that were cut off because a request's head did not come in time
}

// refusal is why connections of a scheme are refused.
type refusal struct{ scheme, cause string }

// The causes of refusals.
const (
	noFiles       = "open_files"
	noConnections = "connections"
	noAddress     = "address"
)

// refusals are those that there may be. STOMP connections are bounded by the gateway, and a web
// server is on this machine.
var refusals = []refusal{{"http", noFiles}, {"http", noConnections}, {"http", noAddress}, {"stomp", noFiles}, {"stomp", noAddress}, {"fcgi", noFiles}}

// crowdSettings bound it. STOMP connections have a bound of their own, --max-connections.
func crowdSettings() []setting {
	return []setting{
		{"max-http-connections", "`number` of HTTP connections at once",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.MaxHTTP = count{value: 20_000}
				f.Var(&s.MaxHTTP, n, h)
			}},
		{"max-connections-per-address", "`number` of connections at once from one address, or one /64 of IPv6, 0 for any; not of this machine or --trusted-proxies",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.MaxPerAddress = ceiling{5000, math.MaxInt32}
				f.Var(&s.MaxPerAddress, n, h)
			}},
	}
}

// otherFiles is how many files a process may have open beside its clients' connections.
const otherFiles = 150

// tellEvery is how often the log is told that connections are refused.
const tellEvery = 10 * time.Second

// newCrowd makes the crowd of a process.
func newCrowd(s *settings, log *slog.Logger) (*crowd, error) {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return nil, fmt.Errorf("look how many files may be open: %w", err)
	}
	most := int(min(files.Cur, 1<<30))
	return &crowd{
		files: most - min(otherFiles, most/2), perAddress: s.MaxPerAddress.value, log: log,
		exempt:    func(a netip.Addr) bool { return a.IsLoopback() || s.TrustedProxies.contain(a) },
		farewells: make(chan struct{}, otherFiles/3),
		byScheme:  make(map[string]int), byAddress: make(map[netip.Addr]int), refused: make(map[refusal]int64),
	}, nil
}

// enter counts a connection, or says why there is no room for it. most is how many of its scheme
// there may be, 0 for any.
func (c *crowd) enter(scheme string, most int, from netip.Addr) (why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	origin := bus.Origin(from)
	var cause string
	switch {
	case c.all >= c.files:
		cause, why = noFiles, fmt.Sprintf("the server has its %d connections, as many as it may open files for (ulimit -n, LimitNOFILE=)", c.all)
	case most > 0 && c.byScheme[scheme] >= most:
		cause, why = noConnections, fmt.Sprintf("the server has its %d connections (--max-http-connections)", most)
	case c.perAddress > 0 && c.byAddress[origin] >= c.perAddress && !c.exempt(from):
		cause, why = noAddress, fmt.Sprintf("your address has its %d connections (--max-connections-per-address)", c.perAddress)
	default:
		c.all++
		c.byScheme[scheme]++
		c.byAddress[origin]++
		return ""
	}
	c.refused[refusal{scheme, cause}]++
	c.tell(why, from)
	return why
}

// refusedSoFar returns how many connections were refused for that reason.
func (c *crowd) refusedSoFar(r refusal) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused[r]
}

// tell tells the log of a refusal, but not of each. Callers hold c.mu.
func (c *crowd) tell(refusal string, from netip.Addr) {
	c.untold++
	if now := time.Now(); now.Sub(c.told) >= tellEvery {
		c.log.Warn("connections are refused", "cause", refusal, "client", from, "refused", c.untold)
		c.told, c.untold = now, 0
	}
}

func (c *crowd) leave(scheme string, from netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	c.byScheme[scheme]--
	origin := bus.Origin(from)
	if c.byAddress[origin]--; c.byAddress[origin] == 0 {
		delete(c.byAddress, origin)
	}
}

// admission is a door at which connections are counted.
type admission struct {
	net.Listener
	crowd  *crowd
	scheme string
	most   int                         // connections of the scheme, 0 for any
	excuse func(refusal string) []byte // tells a client; nil where it would not understand
}

// guest is a connection that is counted until it is closed.
type guest struct {
	*connection
	at     *admission
	from   netip.Addr
	left   atomic.Bool
	stands atomic.Uint32 // with HTTP: a standing
}

// How an HTTP connection stands.
const (
	isNew  = iota // the head of its first request is waited for
	isIdle        // another request is waited for
	isHead        // and has begun
	isBusy        // a request is being answered
)

// Read reads, and counts those whose request has no head in time.
func (g *guest) Read(p []byte) (int, error) {
	n, err := g.connection.Read(p)
	switch standing := g.stands.Load(); {
	case standing == isBusy || g.at.scheme != "http":
	case n > 0 && standing == isIdle:
		g.stands.Store(isHead)
	case standing != isIdle && errors.Is(err, os.ErrDeadlineExceeded):
		g.at.crowd.slowHeads.Add(1)
	}
	return n, err
}

// noteState follows what becomes of the connections of an HTTP server: its ConnState.
func noteState(conn net.Conn, state http.ConnState) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	g, counted := conn.(*guest)
	if !counted {
		return
	}
	switch state {
	case http.StateIdle:
		g.stands.Store(isIdle)
	case http.StateActive, http.StateHijacked:
		g.stands.Store(isBusy)
	}
}

// Close closes the connection.
func (g *guest) Close() error {
	if !g.left.Swap(true) {
		g.at.crowd.leave(g.at.scheme, g.from)
	}
	return g.TCPConn.Close()
}

// Accept returns the next connection that there is room for. Others are told why not, and closed.
func (a *admission) Accept() (net.Conn, error) {
	for failures := 0; ; {
		conn, err := a.Listener.Accept()
		switch {
		case err != nil && passesWithTime(err):
			a.crowd.failed(err)
			failures++
			wait(failures)
			continue
		case err != nil:
			return nil, err
		}
		failures = 0
		client, ok := conn.(*connection)
		if !ok { // a unix socket: a web server is on the other side
			return conn, nil
		}
		from := addressOf(client.TCPConn)
		why := a.crowd.enter(a.scheme, a.most, from)
		if why == "" {
			return &guest{connection: client, at: a, from: from}, nil
		}
		a.turnAway(client.TCPConn, why)
	}
}

// passesWithTime reports whether a connection could not be had because something has run out, or it
// broke off before.
func passesWithTime(err error) bool {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// failed tells the log that connections wait.
func (c *crowd) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell("they cannot be accepted: "+err.Error(), netip.Addr{})
}

// wait waits before accepting is tried again: 5 ms at first, at most a second, with jitter.
func wait(failures int) {
	longest := min(5*time.Millisecond<<min(failures-1, 10), time.Second)
	<-time.After(longest/2 + rand.N(longest/2))
}

// addressOf returns where a connection comes from.
func addressOf(conn *net.TCPConn) netip.Addr {
	if at, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return at.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// farewell is how long a client may take to read why it is refused.
const farewell = time.Second

// turnAway tells a client why it is refused, and closes its connection. Nobody waits for it, and of
// very many not all are told.
func (a *admission) turnAway(conn *net.TCPConn, refusal string) {
	select {
	case a.crowd.farewells <- struct{}{}:
	default:
		_ = conn.Close()
		return
	}
	go func() {
		defer func() { <-a.crowd.farewells }()
		defer conn.Close()
		if a.excuse == nil || conn.SetDeadline(time.Now().Add(farewell)) != nil {
			return
		}
		if _, err := conn.Write(a.excuse(refusal)); err == nil && conn.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, conn) // closing with something unread would take the answer back
		}
	}()
}

// excuseByHTTP is an answer of 503.
func excuseByHTTP(refusal string) []byte {
	body := "503 Service Unavailable: " + refusal + ". Come back later.\n"
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nRetry-After: 5\r\nConnection: close\r\n\r\n%s", len(body), body)
}

// excuseByStomp is an ERROR.
func excuseByStomp(refusal string) []byte {
	return []byte("ERROR\nmessage:" + refusal + "\ncontent-type:text/plain\n\n" + refusal + ".\nconnect again later.\n\x00")
}

// watch has the connections at a door counted.
func (c *crowd) watch(d *door, scheme string, most int) *door {
	a := &admission{Listener: thrifty{d.Listener}, crowd: c, scheme: scheme}
	switch scheme {
	case "http":
		a.most, a.excuse = most, excuseByHTTP
	case "https":
		a.scheme, a.most = "http", most
	case "stomp":
		a.excuse = excuseByStomp
	case "stomp+ssl":
		a.scheme = "stomp"
	}
	return &door{a, d.url, d.reach}
}
