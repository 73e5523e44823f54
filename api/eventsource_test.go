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

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
	"atommq/web/browsertest"
)

// eventSourcePage follows feed x, and reports what it saw when it has seen the end.
const eventSourcePage = `<!DOCTYPE html><link rel=icon href="data:,"><script>
const seen = [], source = new EventSource("/feeds/x?format=sse&data=json")
source.onopen = () => fetch("/opened", {method: "POST"})
source.addEventListener("entry", e => {
  const item = JSON.parse(e.data)
  seen.push(e.lastEventId + " " + item.title)
  if (item.title == "end") fetch("/seen", {method: "POST", body: seen.join("\n")})
})
source.addEventListener("tombstone", e => seen.push(e.lastEventId + " tombstone"))
</script>`

func TestAnEventSourceInABrowserSeesEachEntryOnceAcrossARestart(t *testing.T) {
	store := new(bustest.Memory)
	opened, seen := make(chan struct{}, 100), make(chan string, 1)
	pages := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/page":
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, eventSourcePage)
			case "/opened":
				opened <- struct{}{}
			case "/seen":
				body, _ := io.ReadAll(r.Body)
				seen <- string(body)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
	address, stop, b := serveAt(t, "127.0.0.1:0", store, pages)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	browser := browsertest.Command(ctx, t, "http://"+address+"/page")
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = browser.Wait() // it was killed
	}()
	wait := func(what string, c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-ctx.Done():
			t.Fatal("the browser does not come: " + what)
		}
	}
	var want []string
	publish := func(title string) *bus.Entry {
		t.Helper()
		published, err := b.Publish(t.Context(), bus.Post{Feed: "x", Entry: parsed(t, title)})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprint(published[0].ID, " ", title))
		return published[0].Entry
	}
	wait("at first", opened)
	for i := range 20 {
		publish(fmt.Sprint("before ", i))
	}
	stop()
	b = openBus(t, store) // on which the browser sees nothing
	first := publish("while it is away")
	if _, err := b.Remove(t.Context(), "x", first.UUID, 0); err != nil {
		t.Fatal(err)
	}
	want[len(want)-1] = fmt.Sprint(first.ID+1, " tombstone") // which takes the entry's place
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	_, stop, b = serveAt(t, address, store, pages)
	defer func() { stop() }()
	wait("again", opened)
	for i := range 20 {
		publish(fmt.Sprint("after ", i))
	}
	publish("end")
	select {
	case got := <-seen:
		if diff := cmp.Diff(want, strings.Split(got, "\n")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	case <-ctx.Done():
		t.Fatal("the browser never sees the end")
	}
}

// serveAt serves a store at an address, until stop is called.
func serveAt(t *testing.T, address string, store *bustest.Memory, wrap func(http.Handler) http.Handler) (at string, stop func(), b *bus.Bus) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	b = openBus(t, store)
	routes, err := Handler{Bus: b}.Routes()
	if err != nil {
		t.Fatal(err)
	}
	routes.Handler = wrap(routes.Handler)
	server := NewServer(routes, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return listener.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}, b
}

// openOn opens a bus on a store.
// parsed returns an entry as package feeds reads it.
func parsed(t *testing.T, title string) *feeds.Entry {
	t.Helper()
	doc, err := feeds.Parse([]byte(entry(title)), "", feeds.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return doc.Entries[0]
}
