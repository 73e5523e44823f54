package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/feeds"
)

// streaming is a stream that a test reads.
type streaming struct {
	t    *testing.T
	resp *http.Response
	*bufio.Reader
}

// stream opens a stream, which ends with the test.
func (s *server) stream(t *testing.T, path string, fields ...string) *streaming {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Add(name, value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = resp.Body.Close()
	})
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("GET %s: %s\n%s", path, resp.Status, body)
	}
	return &streaming{t, resp, bufio.NewReader(resp.Body)}
}

// block reads up to the next blank line.
func (s *streaming) block() string {
	s.t.Helper()
	var b strings.Builder
	for {
		line, err := s.ReadString('\n')
		if err != nil {
			s.t.Fatalf("the stream ends behind %q: %v", b.String()+line, err)
		}
		if line == "\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

// title reads up to the next event of an entry, and returns its title.
func (s *streaming) title() string {
	s.t.Helper()
	for {
		if m := regexp.MustCompile(`<title>([^<]*)</title>`).FindStringSubmatch(s.block()); m != nil {
			return m[1]
		}
	}
}

const asEvents = "Accept: text/event-stream"

var volatileParts = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[0-9:.]+Z|http://127.0.0.1:\d+`)

func TestAStreamOfEvents(t *testing.T) {
	s := serve(t, Handler{})
	created := s.do(http.MethodPost, "/feeds/x", "<entry><title>one</title><content>two\r\nlines</content></entry>").want(t, http.StatusCreated)
	events := s.stream(t, "/feeds/x?after=0", asEvents)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff", "Stream-Heart-Beat": "15",
	} {
		if got := events.resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	s.do(http.MethodDelete, s.member(created), "").want(t, http.StatusNoContent)
	var got []string
	for range 3 {
		got = append(got, volatileParts.ReplaceAllString(events.block(), "…"))
	}
	want := []string{
		"retry: 2000\nid: 0\n",
		"id: 1\nevent: entry\n" +
			`data: <entry xmlns="http://www.w3.org/2005/Atom"><mq:id xmlns:mq="urn:atommq">1</mq:id><id>urn:uuid:…</id><updated>…</updated><published>…</published>` +
			`<app:edited xmlns:app="http://www.w3.org/2007/app">…</app:edited><link rel="edit" type="application/atom+xml;type=entry" href="…/feeds/x/entries/…"/>` +
			`<link rel="self" type="application/atom+xml;type=entry" href="…/feeds/x/entries/…"/><author><name>x</name></author>` +
			`<link rel="alternate" type="text/html" href="…/feeds/x/entries/…"/><title>one</title><content>two` + "\n" +
			"data: lines</content></entry>\n",
		"id: 2\nevent: tombstone\n" +
			`data: <at:deleted-entry xmlns:at="http://purl.org/atompub/tombstones/1.0" xmlns="http://www.w3.org/2005/Atom" ref="urn:uuid:…" when="…">` +
			`<mq:id xmlns:mq="urn:atommq">2</mq:id><link rel="self" type="application/atom+xml;type=entry" href="…/feeds/x/entries/…"/></at:deleted-entry>` + "\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	asJSON := s.stream(t, "/feeds/x?after=1&data=json", asEvents)
	asJSON.block()
	if got := asJSON.block(); !strings.HasPrefix(got, "id: 2\nevent: tombstone\ndata: {") || !strings.Contains(got, `"_atommq":{"id":2,"feed":"x"`) {
		t.Errorf("as JSON: %q", got)
	}
}

func TestAStreamOfLines(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(2)
	for _, path := range []string{"/feeds/x?after=1", "/feeds/x?after=1&format=ndjson"} {
		lines := s.stream(t, path, "Accept: application/x-ndjson")
		if got := lines.resp.Header.Get("Content-Type"); got != "application/x-ndjson" {
			t.Errorf("Content-Type %q", got)
		}
		lines.block() // a blank line opens the stream
		line, err := lines.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, `{"id":"urn:uuid:`) || !strings.Contains(line, `"title":"e2"`) {
			t.Errorf("%q, %v", line, err)
		}
	}
}

func TestAStreamWithoutACursorBeginsNowAndSaysWhere(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(3)
	events := s.stream(t, "/feeds/x", asEvents)
	if got := events.block(); got != "retry: 2000\nid: 3\n" {
		t.Errorf("it opens with %q", got)
	}
	s.publish("x", "new")
	if got := events.title(); got != "new" {
		t.Errorf("it begins with %q", got)
	}
}

// The URL of an EventSource stays the same when it comes back.
func TestTheLastEventIDOutweighsTheURL(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(4)
	page, err := s.bus.Read(t.Context(), bus.Query{Feed: "x", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	first := "urn:uuid:" + page.Entries[0].UUID
	for path, fields := range map[string][]string{
		"/feeds/x?after=0":                      {"Last-Event-ID: 3"},
		"/feeds/x?last-event-id=3":              nil,
		"/feeds/x?start_at=4":                   {"Last-Event-ID: "},
		"/feeds?feed=x&feed=y*&after=0":         {"Last-Event-ID: 3"},
		"/feeds?feed=x&feed=y*&last-event-id=3": nil,
		"/feeds/x?last-event-id=1&format=sse":   {"Last-Event-ID: 3"},
		"/feeds/x?after=" + first:               {"Last-Event-ID: 3"},
		"/feeds/x?start_at=" + first:            {"Last-Event-ID: 3"},
		"/feeds/x":                              {"Xlastid: 3"},
	} {
		if got := s.stream(t, path, append(fields, asEvents)...).title(); got != "e4" {
			t.Errorf("%s %q begins with %q", path, fields, got)
		}
	}
}

func TestAStreamMayWaitForAFeedToCome(t *testing.T) {
	s := serve(t, Handler{})
	events := s.stream(t, "/feeds/later", asEvents)
	events.block()
	s.publish("later", "first")
	if got := events.title(); got != "first" {
		t.Errorf("it begins with %q", got)
	}
}

func TestStreamsHaveNoGapBetweenHistoryAndLive(t *testing.T) {
	s := serve(t, Handler{})
	const writers, each = 4, 100
	var writing, reading sync.WaitGroup
	begun := make(chan struct{})
	for i := range 8 {
		path := []string{"/feeds/x?after=0", "/feeds?feed=x&feed=y*&after=0"}[i%2]
		reading.Go(func() {
			<-begun
			events := s.stream(t, path, asEvents)
			seen := make(map[string]bool)
			var last int64
			for len(seen) < writers*each {
				block := events.block()
				m := regexp.MustCompile(`^id: (\d+)\nevent: entry\n.*<title>(.*)</title>`).FindStringSubmatch(block)
				if m == nil {
					continue
				}
				id, _ := strconv.ParseInt(m[1], 10, 64)
				if seen[m[2]] || id <= last {
					t.Errorf("%s: %q came with id %d behind %d", path, m[2], id, last)
					return
				}
				seen[m[2]], last = true, id
			}
		})
	}
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				if w == 0 && i == each/4 {
					close(begun)
				}
				if _, err := s.try(http.MethodPost, "/feeds/x", strings.NewReader(entry(fmt.Sprintf("%d-%d", w, i))), atomType); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	reading.Wait()
}

func TestHostileQueriesOfStreamsAreRefused(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(2)
	for path, want := range map[string]string{
		"/feeds/x?after=-1":                       "is not an id",
		"/feeds/x?after=99999999999999999999":     "is not an id",
		"/feeds/x?after=1&after=1":                "more than once",
		"/feeds/x?after=0&last-event-id=1":        "Give one of them",
		"/feeds/x?limit=5":                        "limit is for pages",
		"/feeds/x?upto=2":                         "goes forward",
		"/feeds/x?older-than=2":                   "goes forward",
		"/feeds/x?data=xml":                       "is not a form of events",
		"/feeds/x?data=json&data=json":            "more than once",
		"/feeds/x?feed=y":                         "the path names a feed already",
		"/feeds/x?category=":                      "has no term",
		"/feeds/x?category={a":                    "has no }",
		"/feeds/x?category={a}":                   "has no term",
		"/feeds/x?after=1&%zz":                    "cannot be read",
		"/feeds?feed=":                            "cannot name a feed",
		"/feeds?feed=..":                          "cannot name a feed",
		"/feeds?feed=%00":                         "cannot name a feed",
		"/feeds?feed=%ff*":                        "no feed's name begins",
		"/feeds?feed=" + strings.Repeat("a", 256): "cannot name a feed",
		"/feeds?feed=a" + strings.Repeat("&feed=a*", 60) + strings.Repeat("&category=c", 60): "at most 100",
		"/feeds?feed=a&feed=b&after=urn:uuid:6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f11":           "is an id",
	} {
		s.get(path, asEvents).want(t, http.StatusBadRequest).wantText(t, want)
	}
	s.get("/feeds/x", asEvents, "Last-Event-ID: abc").want(t, http.StatusBadRequest).wantText(t, `Last-Event-ID: "abc" is not an id`)
	s.get("/feeds/x", asEvents, "Last-Event-ID: 1", "Last-Event-ID: 2").want(t, http.StatusBadRequest)
	if a := s.do(http.MethodHead, "/feeds/x", "", asEvents).want(t, http.StatusOK); a.body != "" || a.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Errorf("HEAD: %v %q", a.Header, a.body)
	}
}

func TestAStreamThatCannotGoOnSaysWhy(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(4)
	if _, err := s.bus.Prune(t.Context(), "x", 2); err != nil {
		t.Fatal(err)
	}
	s.get("/feeds/x?after=1", asEvents).want(t, http.StatusGone).wantText(t, "the oldest entry kept is 3")
	s.get("/feeds?feed=x&feed=y&after=1", asEvents).want(t, http.StatusGone).wantText(t, "the oldest entry kept is 3")
	events := s.stream(t, "/feeds/x?after=4", asEvents)
	events.block()
	// The reader is at 4, which it saw. That what it did not see is pruned takes another node.
	if got := problemEvent(&bus.GapError{Feed: "x", After: 1, Oldest: 3, Pruned: 2}); !strings.HasPrefix(got, "event: problem\ndata: {") || !strings.Contains(got, `"status":410`) {
		t.Errorf("a gap becomes %q", got)
	}
}

func TestHeadOfAStreamAnswersAsGetDoes(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(4)
	if _, err := s.bus.Prune(t.Context(), "x", 2); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/feeds/x?", "/feeds?feed=x&feed=y&"} {
		s.do(http.MethodHead, path+"after=1", "", asEvents).want(t, http.StatusGone)
		s.do(http.MethodHead, path+"after=3", "", asEvents).want(t, http.StatusOK).wantField(t, "Stream-Heart-Beat", "15")
	}
	s.waitForReaders(0)
}

// problemEvent returns what a stream's reader is sent for an error.
func problemEvent(err error) string {
	var sent recordedPipe
	st := &stream{rendering: newRendering(nil, "", asAtomEvent), to: &sent}
	_ = st.fail(err)
	return string(sent)
}

type recordedPipe []byte

func (p *recordedPipe) send(parts [][]byte) error {
	for _, part := range parts {
		*p = append(*p, part...)
	}
	return nil
}

func (p *recordedPipe) finish() error { return nil }

// plainWriter is a ResponseWriter as FastCGI has it: no connection to take over, no deadlines.
type plainWriter struct {
	http.ResponseWriter
	flush func()
}

func (w plainWriter) Flush() { w.flush() }

func TestStreamsNeedNoConnectionToTakeOver(t *testing.T) {
	s := serve(t, Handler{})
	routes := s.http.Handler
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		routes.ServeHTTP(plainWriter{w, w.(http.Flusher).Flush}, r)
	})
	s.fill(2)
	for _, path := range []string{"/feeds/x?after=1", "/feeds?feed=x&feed=y&after=1"} {
		events := s.stream(t, path, asEvents)
		if got := events.title(); got != "e2" {
			t.Errorf("%s begins with %q", path, got)
		}
	}
	events := s.stream(t, "/feeds/x", asEvents)
	events.block()
	s.publish("x", "live")
	if got := events.title(); got != "live" {
		t.Errorf("live comes %q", got)
	}
}

func TestAServerThatEndsSendsItsReadersAway(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(1)
	const readers = 20
	streams := make([]*streaming, readers)
	for i := range streams {
		streams[i] = s.stream(t, []string{"/feeds/x", "/feeds?feed=x&feed=y*"}[i%2], asEvents)
		streams[i].block()
	}
	lines := s.stream(t, "/feeds/x", "Accept: application/x-ndjson")
	polled := make(chan *answer, 1)
	go func() {
		a, err := s.try(http.MethodGet, "/feeds/x", http.NoBody, "Xlastid: 1", "Prefer: wait=40")
		if err != nil {
			t.Error(err)
		}
		polled <- a
	}()
	s.waitForReaders(readers + 2)
	if err := s.http.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	times := make(map[string]bool)
	for _, st := range streams {
		bye := st.block()
		if !strings.HasPrefix(bye, "retry: ") {
			t.Errorf("the last word is %q", bye)
		}
		times[bye] = true
		if rest, err := io.ReadAll(st); err != nil || len(rest) > 0 {
			t.Errorf("behind it comes %q, %v", rest, err)
		}
	}
	if len(times) < readers/2 {
		t.Errorf("%d readers are to come back at only %d times", readers, len(times))
	}
	if rest, err := io.ReadAll(lines); err != nil || string(rest) != "\n" {
		t.Errorf("a stream of lines ends with %q, %v", rest, err)
	}
	if a := <-polled; a != nil {
		a.want(t, http.StatusOK).wantField(t, "Xlastid", "1")
	}
}

// waitForReaders waits until so many wait for what is published.
func (s *server) waitForReaders(n int) {
	s.t.Helper()
	live := s.http.live
	eventually(s.t, fmt.Sprintf("%d wait", n), func() bool {
		live.mu.Lock()
		defer live.mu.Unlock()
		return live.now == n
	})
}

func TestMoreReadersThanAllowedAreRefused(t *testing.T) {
	s := serve(t, Handler{MaxReaders: 2})
	s.fill(1)
	for range 2 {
		s.stream(t, "/feeds/x", asEvents).block()
	}
	s.get("/feeds/x", asEvents).want(t, http.StatusServiceUnavailable).wantText(t, "--max-readers")
	a := s.get("/feeds/x", "Xlastid: 1", "Prefer: wait=9").want(t, http.StatusServiceUnavailable)
	a.wantField(t, "Retry-After", "5")
	s.get("/feeds/x", "Xlastid: 1").want(t, http.StatusOK)
}

func TestAQuietStreamHasHeartBeatsAndAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servePipe(t)
		conn, in := s.dial()
		send(t, conn, "GET /feeds?feed=x&feed=y HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		events := &streaming{t, resp, bufio.NewReader(resp.Body)}
		events.block()
		if got := events.block(); got != ":\n" || time.Since(begun) != DefaultHeartBeat {
			t.Errorf("after %v comes %q", time.Since(begun), got)
		}
		// The cursor of those who follow several feeds moves with the log, so that it does not grow too old.
		if _, err := s.bus.Publish(t.Context(), bus.Post{Feed: "other", Entry: &feeds.Entry{XML: []byte(`<entry xmlns="` + feeds.NamespaceAtom + `"></entry>`)}}); err != nil {
			t.Fatal(err)
		}
		var blocks []string
		for {
			block := events.block()
			blocks = append(blocks, block)
			if strings.HasPrefix(block, "retry: ") {
				break
			}
		}
		life := time.Since(begun)
		if life < DefaultStreamLifetime || life > DefaultStreamLifetime*5/4+DefaultHeartBeat {
			t.Errorf("the stream lived for %v", life)
		}
		if _, err := events.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("the stream goes on: %v", err)
		}
		t.Logf("%d beats, then %q", len(blocks), blocks[len(blocks)-1])
		<-conn.served
	})
}

// Its reader could not tell it from a dead connection, and would look through all of it again.
func TestAStreamThatLooksThroughMuchInVainHasHeartBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, published := servePages(t, 12, 256<<10, 1)
		s.store.BeforeRead = func() error { <-time.After(DefaultHeartBeat / 4); return nil }
		_, resp := s.ask("/feeds/large?after=1&category=rare&format=sse")
		begun := time.Now()
		events := &streaming{t, resp, bufio.NewReader(resp.Body)}
		events.block()
		got := events.block()
		var id int64
		if _, err := fmt.Sscanf(got, ":\nid: %d\n", &id); err != nil || id <= 1 || id >= published[11].ID {
			t.Errorf("on the way comes %q, %v", got, err)
		}
		if took := time.Since(begun); took > 2*DefaultHeartBeat {
			t.Errorf("the stream is silent for %v", took)
		}
	})
}

func TestAReaderOfAStreamThatStopsIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servePipe(t)
		conn, in := s.dial()
		send(t, conn, "GET /feeds/x HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n")
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		begun := time.Now()
		for range 100 { // more than the pipe and the buffers hold
			if _, err := s.bus.Publish(t.Context(), bus.Post{Feed: "x", Entry: &feeds.Entry{XML: []byte(`<entry xmlns="` + feeds.NamespaceAtom + `">` + strings.Repeat(" ", 10_000) + `</entry>`)}}); err != nil {
				t.Fatal(err)
			}
		}
		<-conn.served
		if took := time.Since(begun); took != 60*time.Second {
			t.Errorf("cut off after %v, want 60 s", took)
		}
	})
}

func TestALongPollIsAnsweredWhenSomethingComes(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(1)
	for path, feed := range map[string]string{"/feeds/x": "x", "/feeds?feed=x&feed=p*": "pq", "/feeds/x?category=red": "x", "/feeds/to-come": "to-come"} {
		head := s.bus.Head()
		polled := make(chan *answer, 1)
		go func() {
			a, err := s.try(http.MethodGet, path, http.NoBody, fmt.Sprint("Xlastid: ", head), "Prefer: respond-async, wait=30;x=y")
			if err != nil {
				t.Error(err)
			}
			polled <- a
		}()
		s.waitForReaders(1)
		s.do(http.MethodPost, "/feeds/"+feed, `<entry xmlns="http://www.w3.org/2005/Atom"><title>came</title><category term="red"/></entry>`, atomType).want(t, http.StatusCreated)
		a := (<-polled).want(t, http.StatusOK)
		a.wantText(t, "<title>came</title>")
		a.wantField(t, "Xlastid", fmt.Sprint(s.bus.Head()))
		a.wantField(t, "Preference-Applied", "wait=30")
	}
}

func TestALongPollThatIsInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servePipe(t)
		if _, err := s.bus.Publish(t.Context(), bus.Post{Feed: "x", Entry: &feeds.Entry{XML: []byte(`<entry xmlns="` + feeds.NamespaceAtom + `"></entry>`)}}); err != nil {
			t.Fatal(err)
		}
		conn, in := s.dial()
		for _, test := range []struct {
			target, prefer, applied string
			status                  int
			took                    time.Duration
		}{
			{"/feeds/x?after=1", "wait=7", "wait=7", http.StatusOK, 7 * time.Second},
			{"/feeds/x?after=1", "WAIT=\"40\"", "wait=40", http.StatusOK, 40 * time.Second}, // longer than a body may take
			{"/feeds/x?after=1", "wait=3600", "wait=50", http.StatusOK, DefaultMaxWait},
			{"/feeds?feed=x&after=1", "wait=7", "wait=7", http.StatusOK, 7 * time.Second},
			{"/feeds/none?after=1", "wait=7", "wait=7", http.StatusNotFound, 7 * time.Second},
			{"/feeds/x?after=0", "wait=7", "", http.StatusOK, 0},
			{"/feeds/x", "wait=7", "", http.StatusOK, 0},
			{"/feeds/x?after=1", "wait=abc", "", http.StatusOK, 0},
			{"/feeds/x?after=1", "wait=0", "", http.StatusOK, 0},
			{"/feeds/x?after=1", "wait=-1, return=minimal", "", http.StatusOK, 0},
		} {
			begun := time.Now()
			send(t, conn, "GET "+test.target+" HTTP/1.1\r\nHost: h\r\nPrefer: "+test.prefer+"\r\n\r\n")
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(test, err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); resp.StatusCode != test.status || took != test.took || resp.Header.Get("Preference-Applied") != test.applied {
				t.Errorf("%s, %s: status %d after %v, applied %q", test.target, test.prefer, resp.StatusCode, took, resp.Header.Get("Preference-Applied"))
			}
		}
	})
}

func TestALongPollEndsWithItsClient(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(1)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/feeds/x?after=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Prefer", "wait=50")
	done := make(chan error, 1)
	go func() {
		_, err := s.client.Do(req) //nolint:bodyclose // there is none
		done <- err
	}()
	s.waitForReaders(1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.waitForReaders(0)
}
