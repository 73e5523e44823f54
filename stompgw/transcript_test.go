package stompgw_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"atommq/bus"
	"atommq/db"
	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for.
const patience = 10 * time.Second

// gateway is a server on a loopback socket.
type gateway struct {
	*stompgw.Server
	address string
	path    string // of the database
}

// openBus opens a bus on a SQLite file.
func openBus(t testing.TB, path string) *bus.Bus {
	t.Helper()
	store, err := db.Open(t.Context(), path, db.Config{Synchronous: "NORMAL"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bus.Open(context.Background(), store, store, bus.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(b.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// start serves a gateway on a new database until the test ends; configure changes its settings.
func start(t testing.TB, configure ...func(*stompgw.Server)) *gateway {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	g := serve(t, &stompgw.Server{Bus: openBus(t, path)}, configure...)
	g.path = path
	return g
}

// serve runs a server until the test ends.
func serve(t testing.TB, s *stompgw.Server, configure ...func(*stompgw.Server)) *gateway {
	t.Helper()
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	for _, change := range configure {
		change(s)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-ended; !errors.Is(err, stompgw.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return &gateway{Server: s, address: l.Addr().String()}
}

// client is a connection that a test speaks on, byte for byte.
type client struct {
	t      testing.TB
	nc     net.Conn
	frames *stomp.Reader
}

func (g *gateway) dial(t testing.TB) *client {
	t.Helper()
	nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return newClient(t, nc)
}

func newClient(t testing.TB, nc net.Conn) *client {
	return &client{t: t, nc: nc, frames: stomp.NewReader(nc, stomp.Limits{})}
}

// connect begins a session.
func (g *gateway) connect(t testing.TB, version string) *client {
	t.Helper()
	c := g.dial(t)
	c.send("CONNECT\naccept-version:" + version + "\nhost:test\n\n\x00")
	if f := c.next(); f.Command != stomp.CONNECTED {
		t.Fatalf("got %s", show(f))
	}
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	if err := c.nc.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.WriteString(c.nc, text); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// sendFrame sends lines as a frame without a body.
func (c *client) sendFrame(lines ...string) {
	c.t.Helper()
	c.send(strings.Join(lines, "\n") + "\n\n\x00")
}

// read returns the next frame, or why there is none.
func (c *client) read() (*stomp.Frame, error) {
	if err := c.nc.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	f, err := c.frames.Next()
	if err == nil && f.Command == stomp.CONNECTED {
		if text, found := f.Get("version"); found {
			v, _ := stomp.ParseVersion(string(text))
			c.frames.SetVersion(v)
		}
	}
	return f, err
}

// next returns the next frame.
func (c *client) next() *stomp.Frame {
	c.t.Helper()
	f, err := c.read()
	if err != nil {
		c.t.Fatalf("no frame: %v", err)
	}
	return f
}

// expectEnd waits for the server to close the connection.
func (c *client) expectEnd() {
	c.t.Helper()
	// A pipe that the server has closed takes no deadline any more.
	if f, err := c.read(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		c.t.Fatalf("the connection goes on: %s, %v", show(f), err)
	}
}

func header(f *stomp.Frame, name string) string {
	value, _ := f.Get(name)
	return string(value)
}

func show(f *stomp.Frame) string {
	if f == nil {
		return "nothing"
	}
	var b strings.Builder
	fmt.Fprintln(&b, f.Command)
	for _, field := range f.Fields {
		fmt.Fprintf(&b, "%s:%s\n", field.Name, field.Value)
	}
	fmt.Fprintf(&b, "\n%s", f.Body)
	return b.String()
}

// play speaks a literal transcript. Each block is a frame, its lines marked with the client they
// belong to (none for the only one) and a sign: > sends, < expects. In what is expected, headers
// that are not listed may be there too; "!name" must not, and the line "…" ends the comparison
// before the body. {name} stands for a value that is remembered. "x<EOF" expects the end of the
// connection, "x>FIN" closes it.
func (g *gateway) play(t *testing.T, script string) {
	t.Helper()
	p := player{t: t, gateway: g, clients: make(map[string]*client), values: make(map[string]string)}
	var block []string
	for line := range strings.Lines(script + "\n\n") {
		if line = strings.TrimSpace(line); line != "" {
			block = append(block, line)
		} else if len(block) > 0 {
			p.block(block)
			block = nil
		}
	}
}

type player struct {
	t       *testing.T
	gateway *gateway
	clients map[string]*client
	values  map[string]string
}

func (p *player) block(block []string) {
	p.t.Helper()
	var lines []string
	name, sign := "", byte(0)
	for _, line := range block {
		i := strings.IndexAny(line, "<>")
		if i < 0 {
			p.t.Fatalf("script: %q has no sign", line)
		}
		name, sign = line[:i], line[i]
		lines = append(lines, strings.TrimPrefix(line[i+1:], " "))
	}
	c := p.clients[name]
	if c == nil {
		c = p.gateway.dial(p.t)
		p.clients[name] = c
	}
	switch {
	case lines[0] == "EOF":
		c.expectEnd()
	case lines[0] == "FIN":
		c.nc.Close()
	case sign == '>':
		c.send(p.fill(lines) + "\x00\n")
	default:
		f, err := c.read()
		if err != nil {
			p.t.Fatalf("%s: no frame (%v), want\n%s", name, err, strings.Join(lines, "\n"))
		}
		if fault := p.compare(f, lines); fault != "" {
			p.t.Fatalf("%s: %s: got\n%s\nwant\n%s", name, fault, show(f), strings.Join(lines, "\n"))
		}
	}
}

// fill puts values in; a frame without an empty line gets one.
func (p *player) fill(lines []string) string {
	text := strings.Join(lines, "\n")
	for name, value := range p.values {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	if !strings.Contains(text, "\n\n") {
		text += "\n\n"
	}
	return text
}

func (p *player) compare(f *stomp.Frame, lines []string) (fault string) {
	if f.Command.String() != lines[0] {
		return "command"
	}
	for i, line := range lines[1:] {
		switch {
		case line == "…":
			return ""
		case line == "":
			if want := strings.Join(lines[i+2:], "\n"); string(f.Body) != want {
				return fmt.Sprintf("body %q, want %q", f.Body, want)
			}
			return ""
		case line[0] == '!':
			if _, found := f.Get(line[1:]); found {
				return "unwanted " + line[1:]
			}
		case !p.matches(f, line):
			return line
		}
	}
	if len(f.Body) > 0 && f.Command != stomp.ERROR {
		return "a body"
	}
	return ""
}

func (p *player) matches(f *stomp.Frame, line string) bool {
	name, want, _ := strings.Cut(line, ":")
	want = strings.ReplaceAll(want, `\n`, "\n")
	value, found := f.Get(name)
	if key, ok := strings.CutPrefix(want, "{"); ok && found {
		key = strings.TrimSuffix(key, "}")
		if known, again := p.values[key]; again {
			return string(value) == known
		}
		p.values[key] = string(value)
		return true
	}
	if before, ok := strings.CutSuffix(want, "…"); ok {
		return found && bytes.HasPrefix(value, []byte(before))
	}
	return found && string(value) == want
}
