package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"atommq/stompgw/stomp"
)

// limited starts a server that may open so few files.
func limited(t *testing.T, files string, args ...string) *process {
	t.Helper()
	way := []string{needProgram(t, "prlimit", "util-linux"), "--nofile=" + files}
	p, err := launchOn(way, t.TempDir(), nil, "serve", append([]string{"--db", "bus.db", "--admin", "127.0.0.1:0"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("%v\n%s", err, p.logged())
		}
	})
	return p
}

// dialMany opens connections.
func dialMany(t *testing.T, address string, n int) []net.Conn {
	t.Helper()
	var all []net.Conn
	for range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		all = append(all, conn)
	}
	return all
}

// excused opens a connection that is refused, and returns what it is told.
func excused(t *testing.T, address string) string {
	t.Helper()
	conn := dialMany(t, address, 1)[0]
	defer conn.Close()
	answer, _ := io.ReadAll(conn) // the server may close it with nothing said
	return string(answer)
}

func TestWithoutFilesForMoreThoseWhoAreInGoOnAndOthersAreToldSo(t *testing.T) {
	server := limited(t, "200")
	publisher := newBrowser(t, server.URL+"feeds/log")
	producer := connect(t, server.Stomp)
	post := func(text string) {
		t.Helper()
		if _, err := publisher.post(text, ""); err != nil {
			t.Error(err)
		}
		producer.must(t, stomp.SEND, text, "destination", "/topic/log")
	}
	post("before")
	crowd := dialMany(t, server.address(), 300)
	post("among many") // has the crowd counted: those who came before are accepted before

	// Of very many at once, not all are told.
	waitFor(t, func() bool {
		answer := excused(t, server.address())
		return strings.HasPrefix(answer, "HTTP/1.1 503 ") && strings.Contains(answer, "Retry-After: 5\r\n") && strings.Contains(answer, "ulimit -n")
	})
	waitFor(t, func() bool {
		answer := excused(t, server.Stomp)
		return strings.HasPrefix(answer, "ERROR\n") && strings.Contains(answer, "as many as it may open files for")
	})
	for range 20 { // readers of the database open files of their own
		if page, _, err := publisher.poll(0, 10); err != nil || len(page) == 0 {
			t.Errorf("reading gives %v, %v", page, err)
		}
	}
	if got := status(t, server.Admin+"readyz"); got != http.StatusOK {
		t.Errorf("/readyz at the admin address: %d", got)
	}
	if n := strings.Count(server.logged(), "connections are refused"); n < 1 || n > 3 {
		t.Errorf("the log tells of it %d times\n%s", n, server.logged())
	}
	told := scrape(t, server.Admin+"metrics")
	for _, protocol := range []string{"http", "stomp"} {
		if name := `atommq_refused_connections_total{cause="open_files",protocol="` + protocol + `"}`; told[name] < 1 {
			t.Errorf("%s = %v", name, told[name])
		}
	}
	for _, conn := range crowd {
		conn.Close()
	}
	waitFor(t, func() bool {
		c, err := dialStomp(server.Stomp)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	post("after")
}

func TestHTTPConnectionsOverTheLimitAreToldSo(t *testing.T) {
	server := startServer(t, "--admin", "127.0.0.1:0", "--max-http-connections", "2")
	open := dialMany(t, server.address(), 3)
	answer, err := io.ReadAll(open[2])
	if err != nil || !strings.Contains(string(answer), "its 2 connections (--max-http-connections)") {
		t.Errorf("the third connection gets %q, %v", answer, err)
	}
	wantMetrics(t, scrape(t, server.Admin+"metrics"), map[string]float64{
		`atommq_refused_connections_total{cause="connections",protocol="http"}`: 1,
		`atommq_refused_connections_total{cause="address",protocol="http"}`:     0,
	})
	open[0].Close()
	waitFor(t, func() bool {
		resp, err := http.Get(server.URL + "healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func TestNoAddressTakesAllConnections(t *testing.T) {
	var log bytes.Buffer
	s := &settings{MaxPerAddress: ceiling{value: 2}}
	if err := s.TrustedProxies.Set("10.0.0.0/8"); err != nil {
		t.Fatal(err)
	}
	c, err := newCrowd(s, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	c.files = 12
	for _, step := range []struct {
		scheme, from string
		in           bool
	}{
		{"http", "192.0.2.1", true}, {"stomp", "192.0.2.1", true}, {"http", "192.0.2.1", false}, {"stomp", "192.0.2.1", false},
		{"http", "192.0.2.2", true}, {"http", "10.1.1.1", true}, {"http", "10.1.1.1", true}, {"http", "10.1.1.1", true},
		{"http", "2001:db8::1", true}, {"http", "2001:db8::2", true}, {"http", "2001:db8::3", false}, // of one network
		{"http", "127.0.0.1", true}, {"http", "::1", true}, {"http", "::1", true}, {"http", "::1", true}, {"http", "::1", false},
	} {
		if refusal := c.enter(step.scheme, 0, netip.MustParseAddr(step.from)); (refusal == "") != step.in {
			t.Errorf("%s from %s: %q", step.scheme, step.from, refusal)
		}
	}
	c.leave("stomp", netip.MustParseAddr("192.0.2.1"))
	if refusal := c.enter("stomp", 0, netip.MustParseAddr("192.0.2.1")); refusal != "" {
		t.Error(refusal)
	}
	for r, want := range map[refusal]int64{{"http", noAddress}: 2, {"stomp", noAddress}: 1, {"http", noFiles}: 1} {
		if n := c.refusedSoFar(r); n != want {
			t.Errorf("%v: %d are counted as refused, want %d", r, n, want)
		}
	}
	if n := strings.Count(log.String(), "connections are refused"); n != 1 {
		t.Errorf("the log tells of 4 refusals %d times", n)
	}
}

// watchedDoor returns a crowd without limits, and a door that it watches.
func watchedDoor(t *testing.T, scheme string) (*crowd, *door) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCrowd(&settings{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d := c.watch(&door{Listener: l}, scheme, 0)
	t.Cleanup(func() { d.Close() })
	return c, d
}

// Neither who waits with the next request, nor who is being answered, is too slow with a request's head.
func TestOnlyWhoHoldsBackARequestsHeadIsCountedAsSlowWithIt(t *testing.T) {
	c, d := watchedDoor(t, "http")
	client := dialMany(t, d.Addr().String(), 1)[0]
	conn, err := d.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var want int64
	for i, step := range []struct {
		state http.ConnState
		sends string
		slow  bool
	}{
		{http.StateNew, "", true}, {http.StateNew, "GET /", true}, {http.StateActive, "", false},
		{http.StateIdle, "", false}, {http.StateIdle, "GET /", true}, {http.StateHijacked, "", false},
	} {
		noteState(conn, step.state)
		if _, err := io.WriteString(client, step.sends); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, len(step.sends))); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if err := conn.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if step.slow {
			want++
		}
		if n := c.slowHeads.Load(); n != want {
			t.Errorf("after step %d, %d are counted, want %d", i, n, want)
		}
	}
}

// What is written in pieces still goes to the system at once.
func TestACountedConnectionIsTheSystemsOwn(t *testing.T) {
	c, d := watchedDoor(t, "stomp")
	client, err := net.Dial("tcp", d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := d.Accept()
	if err != nil {
		t.Fatal(err)
	}
	const pieces = 200
	many := make(net.Buffers, pieces)
	for i := range many {
		many[i] = []byte("x")
	}
	before := writes(t)
	if _, err := many.WriteTo(conn); err != nil {
		t.Fatal(err)
	}
	if n := writes(t) - before; n >= pieces {
		t.Errorf("%d pieces were written with %d system calls", pieces, n)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	if c.all != 0 || len(c.byAddress) != 0 {
		t.Errorf("after two Closes, %d connections are counted, from %v", c.all, c.byAddress)
	}
}

// writes returns how often this process has written to a file or a connection so far.
func writes(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip("this needs Linux's /proc: ", err)
	}
	_, count, _ := strings.Cut(string(text), "syscw: ")
	if _, err := fmt.Sscan(count, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
