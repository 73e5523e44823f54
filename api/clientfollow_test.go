package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
)

func TestAClientReadsEventsAsHTMLHasThem(t *testing.T) {
	const text = ":comment\n\nretry: 1500\nid: 7\n\nid: 8\nevent: entry\ndata: one\ndata:two\ndata:  three\n\n" +
		"event\r\ndata\r\nid: 9\x00\r\nretry: soon\r\nnonsense: x\r\n\r\ndata: cut o"
	s := newEventStream(iotest.OneByteReader(strings.NewReader(text)))
	var got []string
	for {
		e, err := s.next()
		if err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("it ends with %v", err)
			}
			break
		}
		got = append(got, fmt.Sprintf("%s %q %q", s.id, e.kind, e.data))
	}
	want := []string{` "" ""`, `7 "" ""`, `8 "entry" "one\ntwo\n three"`, `8 "" ""`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if s.retry != 1500*time.Millisecond {
		t.Errorf("retry %v", s.retry)
	}
	if _, err := newEventStream(strings.NewReader("data: x\n\n")).next(); err != nil {
		t.Error(err)
	}
	if _, err := newEventStream(strings.NewReader("")).next(); !errors.Is(err, io.EOF) {
		t.Errorf("an empty stream: %v", err)
	}
}

// inMemory is a server in a synctest bubble that can be stopped and started, on one store.
type inMemory struct {
	t     *testing.T
	store *bustest.Memory
	wrap  func(http.Handler) http.Handler
	beat  time.Duration

	bus      *bus.Bus
	listener atomic.Pointer[pipes]
	server   *Server
	served   chan error
}

func newInMemory(t *testing.T, wrap func(http.Handler) http.Handler) (*inMemory, *Client) {
	m := &inMemory{t: t, store: new(bustest.Memory), wrap: wrap}
	m.start()
	transport := &http.Transport{DialContext: m.dial}
	t.Cleanup(transport.CloseIdleConnections)
	return m, &Client{BaseURL: "http://memory", HTTP: &http.Client{Transport: transport}, Retry: time.Minute}
}

func (m *inMemory) start() {
	m.t.Helper()
	b, err := bus.Open(context.Background(), m.store, nil, bus.Config{})
	if err != nil {
		m.t.Fatal(err)
	}
	routes, err := Handler{Bus: b, Log: slog.New(slog.DiscardHandler), HeartBeat: m.beat}.Routes()
	if err != nil {
		m.t.Fatal(err)
	}
	if m.wrap != nil {
		routes.Handler = m.wrap(routes.Handler)
	}
	l := &pipes{made: make(chan net.Conn), closed: make(chan struct{})}
	m.bus, m.server, m.served = b, NewServer(routes, slog.New(slog.DiscardHandler)), make(chan error, 1)
	m.listener.Store(l)
	go func() { m.served <- m.server.Serve(l) }()
}

func (m *inMemory) dial(context.Context, string, string) (net.Conn, error) {
	l := m.listener.Load()
	client, served := net.Pipe()
	select {
	case l.made <- served:
		return client, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	}
}

// stop ends the server, its readers sent away or cut off.
func (m *inMemory) stop(gently bool) {
	m.t.Helper()
	end := m.server.Close
	if gently {
		end = func() error { return m.server.Shutdown(context.Background()) }
	}
	if err := end(); err != nil {
		m.t.Error(err)
	}
	if err := <-m.served; !errors.Is(err, http.ErrServerClosed) {
		m.t.Error(err)
	}
	if err := m.bus.Close(); err != nil {
		m.t.Error(err)
	}
}

func TestAFollowerSeesEachEntryOnceAcrossRestarts(t *testing.T) {
	for _, streams := range []bool{true, false} {
		t.Run(fmt.Sprint("streams ", streams), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wrap func(http.Handler) http.Handler
				if !streams {
					wrap = withoutStreams
				}
				m, c := newInMemory(t, wrap)
				const entries = 200
				lost := 0
				f := &Following{Feeds: []string{"x", "y*"}, Lost: func(error) { lost++ }}
				var seen []string
				done := make(chan error, 1)
				go func() {
					done <- c.Follow(t.Context(), f, func(e *BatchEntry) error {
						if seen = append(seen, e.Title); e.Title == "end" {
							return io.EOF
						}
						return nil
					})
				}()
				var want []string
				for i := range entries {
					if i%40 == 20 {
						m.stop(i%80 == 20)
						time.AfterFunc(3*time.Second, m.start)
					}
					title := fmt.Sprint(i)
					want = append(want, title)
					if _, err := c.Publish(t.Context(), []string{"x", "yz"}[i%2], "text/plain", []byte(title), ""); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := c.Publish(t.Context(), "x", "text/plain", []byte("end"), ""); err != nil {
					t.Fatal(err)
				}
				if err := <-done; !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				if diff := cmp.Diff(append(want, "end"), seen); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if f.After != m.bus.Head()-1 || lost == 0 {
					t.Errorf("the cursor is %d of %d, and the server was lost %d times", f.After, m.bus.Head(), lost)
				}
				c.HTTP.CloseIdleConnections()
				m.stop(true)
			})
		})
	}
}

// withoutStreams is a server, or a proxy, that lets no stream through.
func withoutStreams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == typeEvents {
			http.Error(w, "no", http.StatusNotAcceptable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// held is a proxy that holds streams back until they end.
func held(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == typeEvents {
			<-r.Context().Done()
			return
		}
		next.ServeHTTP(w, r)
	})
}

func TestAFollowerPollsWhereStreamsAreHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := newInMemory(t, held)
		if _, err := c.Publish(t.Context(), "x", "text/plain", []byte("one"), ""); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		var took []time.Duration
		err := c.Follow(t.Context(), &Following{Feeds: []string{"x"}}, func(e *BatchEntry) error {
			if took = append(took, time.Since(begun)); len(took) == 2 {
				return io.EOF
			}
			time.AfterFunc(20*time.Second, func() {
				if _, err := c.Publish(t.Context(), "x", "text/plain", []byte("two"), ""); err != nil {
					t.Error(err)
				}
			})
			return nil
		})
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if want := []time.Duration{followPatience, followPatience + 20*time.Second}; !slices.Equal(took, want) {
			t.Errorf("entries came after %v, want %v", took, want)
		}
		c.HTTP.CloseIdleConnections()
		m.stop(true)
	})
}

func TestAFollowerIsToldWhatTryingAgainDoesNotHelp(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(4)
	c := &Client{BaseURL: s.url, HTTP: s.client}
	nothing := func(*BatchEntry) error { return nil }
	if _, err := s.bus.Prune(t.Context(), "x", 2); err != nil {
		t.Fatal(err)
	}
	err := c.Follow(t.Context(), &Following{Feeds: []string{"x"}, After: 1}, nothing)
	if refused, ok := errors.AsType[*StatusError](err); !ok || refused.Status != http.StatusGone {
		t.Errorf("a gap: %v", err)
	}
	for _, f := range []*Following{{}, {Feeds: []string{".."}}} {
		if err := c.Follow(t.Context(), f, nothing); err == nil {
			t.Errorf("%+v can be followed", f)
		}
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	f := &Following{Feeds: []string{"x"}, Categories: []string{"none"}}
	done := make(chan error, 1)
	go func() { done <- c.Follow(ctx, f, nothing) }()
	s.waitForReaders(1)
	cancel(cause)
	if err := <-done; !errors.Is(err, cause) {
		t.Errorf("Follow returns %v, want ctx's cause", err)
	}
}

// A stream that is read again brings the same event, as often as it is asked for.
func TestAFollowerEndsAtAnEventThatItCannotRead(t *testing.T) {
	for _, kind := range []string{"entry", "tombstone"} {
		ctx, cancel := context.WithCancel(t.Context())
		streams := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if streams++; streams > 1 {
				cancel()
			}
			w.Header().Set("Content-Type", typeEvents)
			fmt.Fprintf(w, "retry: 0\nid: 16\n\nid: 17\nevent: %s\ndata: <x\n\n", kind)
		}))
		f := &Following{Feeds: []string{"x"}, After: 15}
		c := &Client{BaseURL: s.URL, HTTP: s.Client()}
		err := c.Follow(ctx, f, func(e *BatchEntry) error { return fmt.Errorf("handed out: %+v", e) })
		s.Close()
		if err == nil || !strings.Contains(err.Error(), kind+" 17 ") || f.After != 16 || streams > 1 {
			t.Errorf("after %d streams and entry %d: %v", streams, f.After, err)
		}
		cancel()
	}
}

func TestAFollowerWaitsAsLongAsTheServerIsSilentByItsSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := newInMemory(t, nil)
		m.stop(true)
		m.beat = 2 * time.Minute
		m.start()
		f := &Following{Feeds: []string{"x"}, Lost: func(err error) { t.Errorf("lost: %v", err) }}
		time.AfterFunc(9*time.Minute, func() {
			if _, err := c.Publish(t.Context(), "x", "text/plain", []byte("one"), ""); err != nil {
				t.Error(err)
			}
		})
		if err := c.Follow(t.Context(), f, func(*BatchEntry) error { return io.EOF }); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		c.HTTP.CloseIdleConnections()
		m.stop(true)
	})
}

func TestASilentStreamIsGivenUpAfterThreeHeartBeats(t *testing.T) {
	for told, want := range map[string]time.Duration{
		"": 45 * time.Second, "soon": 45 * time.Second, "-1": 45 * time.Second, "NaN": 45 * time.Second,
		"120": 6 * time.Minute, "20.5": 61500 * time.Millisecond, "0.1": followPatience, "1e300": 3 * longestBeat,
	} {
		if got := longestSilence(http.Header{beatField: {told}}); got != want {
			t.Errorf("of a heart-beat of %q: %v, want %v", told, got, want)
		}
	}
}

// answersLost commits what is posted, and breaks the connection in place of the answer, the first n times.
func answersLost(n int32) func(http.Handler) http.Handler {
	var left atomic.Int32
	left.Store(n)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && left.Add(-1) >= 0 {
				next.ServeHTTP(&heldPage{header: make(http.Header)}, r)
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestAPublishWhoseAnswerIsLostIsRepeatedUnderItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := newInMemory(t, answersLost(3))
		receipt, err := c.Publish(t.Context(), "x", "text/plain", []byte("once"), "")
		if err != nil || receipt.ID != 1 || m.bus.Head() != 1 {
			t.Errorf("%+v, %v; the log ends with %d", receipt, err, m.bus.Head())
		}
		c.HTTP.CloseIdleConnections()
		m.stop(true)
		begun := time.Now()
		if _, err := c.Publish(t.Context(), "x", "text/plain", []byte("in vain"), ""); err == nil || time.Since(begun) > 2*time.Minute {
			t.Errorf("without a server: %v after %v", err, time.Since(begun))
		}
		c.Retry = 0
		begun = time.Now()
		if _, err := c.Publish(t.Context(), "x", "text/plain", []byte("once"), ""); err == nil || time.Since(begun) > 0 {
			t.Errorf("without retries: %v after %v", err, time.Since(begun))
		}
	})
}
