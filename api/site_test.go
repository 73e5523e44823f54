package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"atommq/bus"
	"atommq/bus/bustest"
)

func TestMain(m *testing.M) {
	// net/http waits half a second before it closes a connection whose request it did not read.
	goleak.VerifyTestMain(documented{m}, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// server is a site under test, on a socket of its own.
type server struct {
	t      testing.TB
	url    string
	bus    *bus.Bus
	store  *bustest.Memory
	client *http.Client
	http   *Server
}

// serve runs h, to which it gives a bus unless it has one, until the test ends.
func serve(t testing.TB, h Handler) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, listener, h)
}

func serveOn(t testing.TB, listener net.Listener, h Handler) *server {
	t.Helper()
	s := &server{t: t, store: new(bustest.Memory)}
	if h.Bus == nil {
		h.Bus = openBus(t, s.store)
	}
	s.bus = h.Bus
	if h.Log == nil {
		h.Log = slog.New(slog.DiscardHandler)
	}
	routes, err := h.Routes()
	if err != nil {
		t.Fatal(err)
	}
	srv := NewServer(routes, h.Log)
	served := make(chan error, 1)
	s.http = srv
	go func() { served <- srv.Serve(listener) }()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256}
	s.url = "http://" + listener.Addr().String()
	s.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if err := s.bus.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openBus opens a bus on a store of the test's own, for serve.
func openBus(t testing.TB, store bus.Store) *bus.Bus {
	t.Helper()
	b, err := bus.Open(context.Background(), store, nil, bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// setClock stops the clock by which the server tells what a date can say, at t.
func (s *server) setClock(t time.Time) { s.http.routes.site.now = func() time.Time { return t } }

// answer is a response read to its end.
type answer struct {
	*http.Response
	body string
}

// do sends a request with "Name: value" fields.
func (s *server) do(method, path, body string, fields ...string) *answer {
	s.t.Helper()
	a, err := s.try(method, path, strings.NewReader(body), fields...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (s *server) try(method, path string, body io.Reader, fields ...string) (*answer, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, s.url+path, body)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Add(name, value)
		if name == "Host" {
			req.Host = value
		}
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	outcomesSeen.note(resp)
	text, err := io.ReadAll(resp.Body)
	return &answer{resp, string(text)}, err
}

func (s *server) get(path string, fields ...string) *answer {
	s.t.Helper()
	return s.do(http.MethodGet, path, "", fields...)
}

// want fails the test unless a has the status.
func (a *answer) want(t testing.TB, status int) *answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d\n%s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
	}
	return a
}

func (a *answer) wantField(t testing.TB, name, want string) {
	t.Helper()
	if got := a.Header.Get(name); got != want {
		t.Errorf("%s %s: %s is %q, want %q", a.Request.Method, a.Request.URL, name, got, want)
	}
}

func (a *answer) wantText(t testing.TB, want string) {
	t.Helper()
	if !strings.Contains(a.body, want) {
		t.Errorf("%s %s: body lacks %q:\n%s", a.Request.Method, a.Request.URL, want, a.body)
	}
}

const atomType = "Content-Type: application/atom+xml"

func entry(title string) string {
	return fmt.Sprintf(`<entry xmlns="http://www.w3.org/2005/Atom"><title>%s</title><content>text of %[1]s</content></entry>`, title)
}

// publish posts an entry and returns the answer.
func (s *server) publish(feed, title string) *answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/feeds/"+feed, entry(title), atomType).want(s.t, http.StatusCreated)
}

// fill publishes entries e1 … en to feed x, with ids 1 … n on a new server.
func (s *server) fill(n int) {
	s.t.Helper()
	for i := range n {
		s.publish("x", fmt.Sprintf("e%d", i+1))
	}
}

// member returns the path of the entry that a 201 tells of.
func (s *server) member(created *answer) string {
	s.t.Helper()
	path, ok := strings.CutPrefix(created.Header.Get("Location"), s.url)
	if !ok {
		s.t.Fatalf("Location %q is not below %s", created.Header.Get("Location"), s.url)
	}
	return path
}
