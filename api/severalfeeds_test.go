package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

// fillPruned publishes to orders and logs, prunes logs but for its last entry, and returns the
// titles of what is kept.
func fillPruned(t *testing.T, b *bus.Bus, publish func(feed, title string)) (kept []string) {
	t.Helper()
	for i := range 600 {
		title := fmt.Sprint("e", i)
		switch feed := "orders"; {
		case i >= 300 && i < 305:
			publish("logs", title)
		default:
			publish(feed, title)
		}
		if i < 300 || i >= 304 {
			kept = append(kept, title)
		}
	}
	if n, err := b.Prune(t.Context(), "logs", 304); n != 4 || err != nil {
		t.Fatalf("Prune = %d, %v", n, err)
	}
	return kept
}

func TestZeroIsTheBeginningOfWhatSeveralFeedsKeep(t *testing.T) {
	s := serve(t, Handler{})
	kept := fillPruned(t, s.bus, func(feed, title string) { s.publish(feed, title) })
	for _, group := range []string{"/feeds?feed=orders&feed=logs", "/feeds?feed=*"} {
		if d := cmp.Diff(kept, s.walkTitles(group+"&after=0")); d != "" {
			t.Errorf("%s by its links: -want +got:\n%s", group, d)
		}
		for _, prefer := range []string{"", "wait=1"} {
			var got []string
			for cursor := "0"; len(got) < len(kept); {
				a := s.get(group, "Xlastid: "+cursor, "Prefer: "+prefer).want(t, http.StatusOK)
				found := titlePattern.FindAllStringSubmatch(a.body, -1)
				if len(found) == 0 {
					break
				}
				for _, m := range found {
					got = append(got, m[1])
				}
				cursor = a.Header.Get("Xlastid")
			}
			if d := cmp.Diff(kept, got); d != "" {
				t.Errorf("%s by Xlastid, %q: -want +got:\n%s", group, prefer, d)
			}
		}
		stream := s.stream(t, group+"&after=0", asEvents)
		for _, want := range kept {
			if got := stream.title(); got != want {
				t.Fatalf("a stream of %s has %q, not %q", group, got, want)
			}
		}
	}
}

// Pages of some categories end within what was looked at.
func TestZeroIsTheBeginningOfWhatSomeCategoriesKeep(t *testing.T) {
	s := serve(t, Handler{})
	var want []string
	for i := range 30 {
		s.publishIn("orders", fmt.Sprint("e", i), "red")
		want = append(want, fmt.Sprint("e", i))
	}
	s.publishIn("logs", "gone", "red")
	s.publishIn("logs", "e30", "red")
	if _, err := s.bus.Prune(t.Context(), "logs", 31); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/feeds?feed=*&category=red&after=0&limit=4", "/feeds?feed=orders&feed=logs&category=red&after=0&limit=4"} {
		if d := cmp.Diff(append(want, "e30"), s.walkTitles(path)); d != "" {
			t.Errorf("%s: -want +got:\n%s", path, d)
		}
	}
	if d := cmp.Diff(want, s.walkTitles("/feeds/orders?category=red&after=0&limit=4")); d != "" {
		t.Errorf("one feed: -want +got:\n%s", d)
	}
}

// A 410 has to name a cursor that works, and that skips nothing that is kept.
func TestTheAnswerAboutAGapOfSeveralFeedsGoesOn(t *testing.T) {
	s := serve(t, Handler{})
	kept := fillPruned(t, s.bus, func(feed, title string) { s.publish(feed, title) })
	const group = "/feeds?feed=orders&feed=logs"
	a := s.get(group, "Xlastid: 100", "Accept: application/json").want(t, http.StatusGone)
	_, cursor, _ := strings.Cut(a.body, `"cursor":"`)
	cursor, _, _ = strings.Cut(cursor, `"`)
	if !strings.Contains(a.body, "Go on with Xlastid: "+cursor+",") {
		t.Errorf("the text names another cursor: %s", a.body)
	}
	if d := cmp.Diff(kept[100:], s.walkTitles(group+"&after="+cursor)); d != "" {
		t.Errorf("from there: -want +got:\n%s", d)
	}
	stream := s.stream(t, group, asEvents, "Last-Event-ID: "+cursor)
	if got := stream.title(); got != kept[100] {
		t.Errorf("a stream begins with %q, not %q", got, kept[100])
	}
	for _, path := range []string{"/feeds/orders", "/feeds/orders?category=x", "/feeds/orders?format=sse"} {
		s.get(path, "Xlastid: "+cursor).want(t, http.StatusBadRequest)
	}
	s.get(group+"&start_at="+cursor).want(t, http.StatusBadRequest)
	if _, err := s.bus.Prune(t.Context(), "orders", 200); err != nil {
		t.Fatal(err)
	}
	s.get(group, "Xlastid: "+cursor).want(t, http.StatusGone)
}

// The newest page tells where to follow from: not where what is gone since counts as a gap.
func TestTheNewestPageOfSeveralFeedsTellsWhereToGoOn(t *testing.T) {
	s := serve(t, Handler{})
	s.publish("orders", "e1")
	s.publish("logs", "e2")
	if _, err := s.bus.Prune(t.Context(), "logs", 2); err != nil {
		t.Fatal(err)
	}
	const group = "/feeds?feed=orders&feed=logs"
	last := s.get(group).want(t, http.StatusOK).Header.Get("Xlastid")
	s.publish("orders", "e3")
	s.get(group, "Xlastid: "+last).want(t, http.StatusOK).wantText(t, "<title>e3</title>")
}

// cutting breaks off every answer but the first ones behind so many bytes.
func cutting(next http.Handler, bytes int, answers *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && answers.Add(1) <= 20 {
			w = &cutWriter{ResponseWriter: w, left: bytes}
		}
		next.ServeHTTP(w, r)
	})
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return w.ResponseWriter.Write(p)
}

func (w *cutWriter) Flush() { w.ResponseWriter.(http.Flusher).Flush() }

func TestTheClientReadsSeveralFeedsFromTheirBeginning(t *testing.T) {
	for _, name := range []string{"streams", "polls", "streams that break"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var answers atomic.Int32
				m, c := newInMemory(t, func(next http.Handler) http.Handler {
					switch name {
					case "polls":
						return withoutStreams(next)
					case "streams":
						return next
					}
					return cutting(next, 200<<10, &answers)
				})
				kept := fillPruned(t, m.bus, func(feed, title string) {
					if _, err := c.Publish(t.Context(), feed, "text/plain", []byte(title), ""); err != nil {
						t.Fatal(err)
					}
				})
				var seen []string
				f := &Following{Feeds: []string{"orders", "log*"}}
				err := c.Follow(context.Background(), f, func(e *BatchEntry) error {
					if seen = append(seen, e.Title); len(seen) == len(kept) {
						return io.EOF
					}
					return nil
				})
				if d := cmp.Diff(kept, seen); d != "" || !errors.Is(err, io.EOF) {
					t.Errorf("%v, -want +got:\n%s", err, d)
				}
				if name == "streams that break" && answers.Load() < 2 {
					t.Error("no stream broke")
				}
				c.HTTP.CloseIdleConnections()
				m.stop(true)
			})
		})
	}
	s := serve(t, Handler{})
	kept := fillPruned(t, s.bus, func(feed, title string) { s.publish(feed, title) })
	c, f := &Client{BaseURL: s.url, HTTP: s.client}, &Following{Feeds: []string{"orders", "logs"}}
	var seen []string
	for more := true; more; {
		batch, err := c.Read(t.Context(), f, 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range batch.Entries {
			seen = append(seen, e.Title)
		}
		f.After, more = batch.Last, batch.More
	}
	if !slices.Equal(seen, kept) {
		t.Errorf("read page by page: -want +got:\n%s", cmp.Diff(kept, seen))
	}
}
