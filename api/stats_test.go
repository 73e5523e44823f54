package api

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRequestsAreCountedByRouteAndStatus(t *testing.T) {
	s := serve(t, Handler{Pages: panicPages{}})
	s.fill(3)
	s.get("/feeds/x")
	s.get("/feeds/never")
	s.get("/feeds/a%2Fb/queues")
	s.get("/no/such/thing")
	s.get("/no/other")
	s.do(http.MethodPost, "/feeds/x", "<entry")
	s.get("/feeds/x", "Accept: text/html")
	want := []RequestCount{
		{"/feeds/{feed}", http.StatusOK, 1},
		{"/feeds/{feed}", http.StatusCreated, 3},
		{"/feeds/{feed}", http.StatusBadRequest, 1},
		{"/feeds/{feed}", http.StatusNotFound, 1},
		{"/feeds/{feed}", http.StatusInternalServerError, 1},
		{"/feeds/{feed}/queues", http.StatusNotFound, 1},
		{"none", http.StatusNotFound, 2},
	}
	s.waitForStats(func(st *Stats) bool { return cmp.Equal(want, st.Requests) }) // an answer may be read before it is counted
}

// How long entries are waited for says nothing about the server, and would hide how long the rest takes.
func TestRequestsAreTimedUnlessTheyWait(t *testing.T) {
	s := serve(t, Handler{MaxWait: 10 * time.Millisecond})
	s.fill(1)
	s.get("/feeds/x").want(t, http.StatusOK)
	s.get("/no/such/thing").want(t, http.StatusNotFound)
	s.get("/feeds/x?after=0", "Prefer: wait=1").want(t, http.StatusOK) // which it need not
	s.get("/feeds/x?after=1", "Prefer: wait=1").want(t, http.StatusOK)
	s.do(http.MethodPut, "/feeds/x/queues/q", "{}").want(t, http.StatusCreated)
	s.do(http.MethodPost, "/feeds/x/queues/q/claims?wait=1", "").want(t, http.StatusOK)
	s.do(http.MethodPost, "/feeds/x/queues/q/claims", "").want(t, http.StatusOK)
	want := map[string]uint64{"/feeds/{feed}": 3, "/feeds/{feed}/queues/{queue}": 1, "/feeds/{feed}/queues/{queue}/claims": 1, "none": 1}
	s.waitForStats(func(st *Stats) bool {
		got := make(map[string]uint64)
		for _, route := range st.Durations {
			for _, n := range route.Seconds.Counts {
				got[route.Route] += n
			}
			if route.Seconds.Sum <= 0 || route.Seconds.Sum > patience.Seconds() {
				return false
			}
		}
		return cmp.Equal(want, got)
	})
}

func TestWhoIsNotLetInIsCounted(t *testing.T) {
	s := serve(t, Handler{Access: shared(t, "me", "secret")})
	s.get("/feeds/x").want(t, http.StatusUnauthorized)
	s.waitForStats(func(st *Stats) bool {
		return len(st.Requests) == 1 && st.Requests[0] == RequestCount{"none", http.StatusUnauthorized, 1}
	})
}

// waitForStats waits until the stats are as ok wants them.
func (s *server) waitForStats(ok func(*Stats) bool) {
	s.t.Helper()
	stats := new(Stats)
	eventually(s.t, stats, func() bool {
		*stats = s.http.Stats()
		return ok(stats)
	})
}

func TestDeliveriesAreCountedByTheirWay(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, "/feeds/jobs/queues/default", "{}").want(t, http.StatusCreated)
	created := s.publish("jobs", "one")
	s.publish("jobs", "two")
	s.get("/feeds/jobs?after=0").want(t, http.StatusOK)
	s.get("/feeds/jobs.json").want(t, http.StatusOK)
	s.get("/feeds?feed=j*&after=0").want(t, http.StatusOK)
	s.get(s.member(created)).want(t, http.StatusOK)
	s.get(s.member(created), "If-None-Match: "+s.get(s.member(created)).Header.Get("Etag")).want(t, http.StatusNotModified)
	events := s.stream(t, "/feeds/jobs?after=1", asEvents)
	events.title()
	s.waitForStats(func(st *Stats) bool { return st.Read == 8 && st.Streamed == 1 && st.Streams == 1 && st.Polls == 0 })
}

func TestClaimsAreCounted(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPost, testQueue+"/claims", "").want(t, http.StatusOK)
	s.publish("x", "one")
	s.do(http.MethodPost, testQueue+"/claims?count=5", "").want(t, http.StatusOK)
	s.waitForStats(func(st *Stats) bool { return st.Claimed == 1 })
}

func TestReadersAreCountedWhileTheyRead(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(1)
	polled := make(chan *answer)
	go func() { polled <- s.get("/feeds/x?after=1", "Prefer: wait=30") }()
	s.stream(t, "/feeds/x?after=1", asEvents)
	s.waitForStats(func(st *Stats) bool { return st.Polls == 1 && st.Streams == 1 && st.Lagging == 0 })
	s.publish("x", "two")
	<-polled
	s.waitForStats(func(st *Stats) bool { return st.Polls == 0 && st.Streams == 1 })
}

// TestAStreamThatIsNotReadLags has a reader take nothing of more than the kernel holds for it.
func TestAStreamThatIsNotReadLags(t *testing.T) {
	s := serve(t, Handler{})
	large := strings.Repeat("x", 1<<20)
	for range 20 {
		s.publish("x", large)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /feeds/x?after=0&format=sse HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	s.waitForStats(func(st *Stats) bool { return st.Lagging == 1 && st.Lag > 0 && st.Lag < 20 })
	conn.Close()
	s.waitForStats(func(st *Stats) bool { return st.Lagging == 0 && st.Streams == 0 })
}

func TestMetricsAreForThisMachineUnlessOpened(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	s := serve(t, Handler{Metrics: metrics})
	s.get("/metrics").want(t, http.StatusOK).wantText(t, "up 1")
	for _, field := range []string{"X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "Via: 1.1 proxy", "X-Real-IP: 127.0.0.1"} {
		s.get("/metrics", field).want(t, http.StatusForbidden).wantText(t, "--metrics all")
	}
	serve(t, Handler{}).get("/metrics").want(t, http.StatusNotFound)
	open := serve(t, Handler{Metrics: metrics, OpenMetrics: true})
	open.get("/metrics", "Via: 1.1 proxy").want(t, http.StatusOK)
	account := serve(t, Handler{Metrics: metrics, Access: shared(t, "me", "secret")})
	account.get("/metrics").want(t, http.StatusUnauthorized)
}

func TestOtherMachinesAreToldFromThisOne(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.8.8.8:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"192.0.2.1:1": false, "[2001:db8::1]:1": false, "@": false, "": false, "127.0.0.1": false,
	} {
		if got := fromThisMachine(&http.Request{RemoteAddr: address}); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}
