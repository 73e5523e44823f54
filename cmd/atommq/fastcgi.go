package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/fcgi"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"atommq/api"
)

// fastCGIRetry is how long to wait after a connection could not be accepted.
const fastCGIRetry = time.Second

// fastCGI serves what a web server passes on. Whoever reaches its door is believed to be that web server,
// and so is what it says of clients: that is why the door is a file, or an address of this machine.
type fastCGI struct {
	site    *api.Server
	handler http.Handler
	log     *slog.Logger

	requests sync.WaitGroup
	closing  chan struct{} // closed by Shutdown

	mu        sync.Mutex
	closed    bool
	listeners []net.Listener
}

var _ server = (*fastCGI)(nil)

func newFastCGI(site *api.Server, handler http.Handler, log *slog.Logger) *fastCGI {
	return &fastCGI{site: site, handler: handler, log: log, closing: make(chan struct{})}
}

// Serve implements server.
func (f *fastCGI) Serve(l net.Listener) error {
	f.mu.Lock()
	f.listeners = append(f.listeners, l)
	f.mu.Unlock()
	for {
		conn, err := l.Accept()
		if err == nil {
			f.serveConn(conn)
			continue
		}
		select {
		case <-f.closing:
			return http.ErrServerClosed
		default:
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		f.log.Warn("accepting a FastCGI connection failed; trying again", "error", err)
		select {
		case <-f.closing:
		case <-time.After(fastCGIRetry):
		}
	}
}

// serveConn begins to answer what comes by a connection. A server of its own knows which that is.
func (f *fastCGI) serveConn(conn net.Conn) {
	seen := newFastCGIConn(conn)
	// It returns once it has the connection, for there is no other.
	_ = fcgi.Serve(&single{conn: seen}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, answered := seen.watched(r)
		defer answered()
		f.serve(seen, w, r)
	}))
}

// single is a listener at which one connection came.
type single struct{ conn net.Conn }

func (s *single) Accept() (net.Conn, error) {
	conn := s.conn
	if s.conn = nil; conn == nil {
		return nil, io.EOF
	}
	return conn, nil
}

func (s *single) Addr() net.Addr { return nil }
func (s *single) Close() error   { return nil }

// Shutdown implements server.
func (f *fastCGI) Shutdown(ctx context.Context) error {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.closing)
	}
	for _, l := range f.listeners {
		_ = l.Close() // Serve reports what is wrong with it
	}
	f.mu.Unlock()
	err := f.site.Shutdown(ctx)
	finished := make(chan struct{})
	go func() {
		f.requests.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return err
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	}
}

// enter counts a request, unless the server is closed.
func (f *fastCGI) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.requests.Add(1)
	}
	return !f.closed
}

// noRecord is the head of a record of no version that there is.
var noRecord [8]byte

// serve answers one request. net/http/fcgi has no use for a panic, by which handlers break an
// answer off: it would end the process. The connection ends instead, without the end of the answer;
// nginx takes that for one, unless it comes behind what is no record.
func (f *fastCGI) serve(conn net.Conn, w http.ResponseWriter, r *http.Request) {
	if !f.enter() { // on a connection that the web server kept
		w.Header().Set("Retry-After", "1")
		http.Error(w, "The server is shutting down. Come back later.", http.StatusServiceUnavailable)
		return
	}
	defer f.requests.Done()
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			f.log.Error("panic while serving FastCGI", "panic", v)
		}
		_, _ = conn.Write(noRecord[:])
		_ = conn.Close()
	}()
	env := fcgi.ProcessEnv(r)
	answerBehind(w, toldBy(env, "", r), func(w http.ResponseWriter, r *http.Request) {
		if wrong := env[wrongVariable]; wrong != "" {
			f.site.Refuse(w, r, wrong)
			return
		}
		f.handler.ServeHTTP(w, r)
	})
}

// openFastCGIDoor opens the file or the address that --fcgi names.
func openFastCGIDoor(ctx context.Context, scheme, flag, address string) (*door, error) {
	path, isFile := strings.CutPrefix(address, "unix:")
	if !isFile {
		host, _, err := net.SplitHostPort(address)
		if ip, wrong := netip.ParseAddr(host); err == nil && host != "localhost" && (wrong != nil || !ip.IsLoopback()) {
			return nil, misusef("--fcgi %s: whoever reaches it is taken for the web server: give unix:/path, or an address like 127.0.0.1:9000", address)
		}
		return openDoor(ctx, scheme, flag, address)
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, cannotListen(flag, address, err)
	}
	if err := os.Chmod(path, 0o660); err != nil { // the web server's group comes in, and nobody else
		return nil, errors.Join(err, l.Close())
	}
	return newDoor(scheme, l), nil
}

// removeStale removes a socket that a process left behind which was killed.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode().Type() != fs.ModeSocket {
		return misusef("--fcgi unix:%s: there is a file of this name, which is no socket: choose another name", path)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return cannotListen("--fcgi", "unix:"+path, syscall.EADDRINUSE)
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return nil // listening says why
}
