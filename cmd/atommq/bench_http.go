package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"atommq/api"
	"atommq/bus"
	"atommq/feeds"
)

const (
	benchConnections = 64
	benchFeed        = "bench"
	benchPath        = "/feeds/" + benchFeed
	benchPageEntries = 100
	benchPageBytes   = 1000 // of an entry on the page
)

// benchedServer is AtomMQ's server, or one that does the least.
type benchedServer interface {
	Serve(l net.Listener) error
	Close() error
}

var (
	_ benchedServer = (*http.Server)(nil)
	_ benchedServer = (*api.Server)(nil)
)

// benchSite is a bus in this process, served over HTTP on loopback.
type benchSite struct {
	*node
	address string
	server  benchedServer
	ended   chan error
}

// openSite opens a bus on a new database and serves it.
func (b *bench) openSite(ctx context.Context) (*benchSite, error) {
	n, err := b.openNode(ctx)
	if err != nil {
		return nil, err
	}
	server, err := n.server(&settings{}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	site := &benchSite{node: n, server: server}
	if err := site.serve(ctx); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return site, nil
}

// serve starts the server on a free port.
func (s *benchSite) serve(ctx context.Context) error {
	listener, err := listenBench(ctx)
	if err != nil {
		return err
	}
	s.address = listener.Addr().String()
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.server.Serve(thrifty{listener}) }() // as serve does
	return nil
}

// close stops the server and, if there is one, the bus.
func (s *benchSite) close() error {
	err := s.server.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	if s.node != nil {
		err = errors.Join(err, s.node.close())
	}
	return err
}

// serveBare serves routes with what net/http has, and no more.
func serveBare(ctx context.Context, routes http.Handler) (*benchSite, error) {
	site := &benchSite{server: &http.Server{Handler: routes, ReadHeaderTimeout: time.Minute}}
	return site, site.serve(ctx)
}

// openBareSite serves the least that an HTTP server in Go can do: a chi route
// whose handler writes the same bytes every time.
func openBareSite(ctx context.Context, contentType string, body []byte) (*benchSite, error) {
	router := chi.NewRouter()
	length := strconv.Itoa(len(body))
	same := func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{contentType}
		w.Header()["Content-Length"] = []string{length}
		_, _ = w.Write(body)
	}
	router.Get("/feeds/{feed}", same)
	router.Get("/feeds/{feed}/archive/{range}", same)
	return serveBare(ctx, router)
}

// openRawSite serves the least that can be durable over HTTP: a handler that
// commits one raw row. It serves one connection.
func openRawSite(ctx context.Context, raw *rawTable) (*benchSite, error) {
	router := chi.NewRouter()
	answer := bytes.Repeat([]byte("x"), benchPageBytes)
	router.Post("/feeds/{feed}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		if err := raw.commit(1); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(answer)
	})
	return serveBare(ctx, router)
}

// benchPost measures durable posts, at many connections and at one, beside the rate of single
// commits that the disk allows, and beside the least handler around those: to wait for the disk
// inside a server costs wakings that a loop does not.
func benchPost(ctx context.Context, b *bench) (err error) {
	site, err := b.openSite(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()
	raw, err := openRaw(ctx, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	request := postRequest(benchPath, benchEntry(benchEntryBytes).XML)
	rawSite, err := openRawSite(ctx, raw)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rawSite.close()) }()
	many := load{site.address, benchConnections, request, http.StatusCreated}
	one := load{site.address, 1, request, http.StatusCreated}
	least := load{rawSite.address, 1, request, http.StatusCreated}

	rates, err := b.compare(ctx, "HTTP POST, 64 connections", many.run, raw.inserts(1))
	if err != nil {
		return err
	}
	b.report(finding{Section: "post", What: "durable HTTP POST, 64 connections", Unit: "entries/s",
		Value: rates[0], Ceiling: rates[1], CeilingWhat: "single commits", Budget: b.budget(budgetOfCommits(15_000), budget{})})
	rates, err = b.compare(ctx, "HTTP POST, one connection", one.run, raw.inserts(1), least.run)
	if err != nil {
		return err
	}
	b.report(finding{Section: "post", What: "durable HTTP POST, one connection", Unit: "entries/s",
		Value: rates[0], Ceiling: rates[1], CeilingWhat: "single commits", Budget: b.budget(budget{Ratio: 0.6}, budget{})})
	b.report(finding{Section: "post", What: "a bare handler that commits a raw row", Unit: "rows/s",
		Value: rates[2], Ceiling: rates[1], CeilingWhat: "single commits"})
	return nil
}

// benchPoll measures a poll that finds nothing new.
func benchPoll(ctx context.Context, b *bench) error {
	return b.besideBare(ctx, "poll", "tail poll with nothing new", "polls/s", 0.7, func(n *node) ([]byte, error) {
		last, err := n.fill(ctx, benchFeed, benchPageEntries, benchPageBytes)
		return getRequest(benchPath, fmt.Sprintf("Xlastid: %d\r\n", last)), err
	})
}

// benchPage measures a page of entries at a feed's end.
func benchPage(ctx context.Context, b *bench) error {
	return b.besideBare(ctx, "page", "page of 100 one-KB entries at the tail", "pages/s", 0.6, func(n *node) ([]byte, error) {
		last, err := n.fill(ctx, benchFeed, 2*benchPageEntries, benchPageBytes)
		return getRequest(benchPath, fmt.Sprintf("Xlastid: %d\r\n", last-benchPageEntries)), err
	})
}

// benchArchive measures a page of an append-only feed's archive, far back.
func benchArchive(ctx context.Context, b *bench) error {
	return b.besideBare(ctx, "archive", "archive page of 64 one-KB entries", "pages/s", 0.5, func(n *node) ([]byte, error) {
		appendOnly := true
		if _, err := n.bus.Configure(ctx, benchFeed, bus.Settings{AppendOnly: &appendOnly}); err != nil {
			return nil, err
		}
		_, err := n.fill(ctx, benchFeed, 100*benchPageEntries, benchPageBytes)
		return getRequest(benchPath+"/archive/64-127", ""), err
	})
}

// besideBare compares GETs of a site that prepare fills with those of a bare
// handler that writes the same bytes.
func (b *bench) besideBare(ctx context.Context, section, what, unit string, ratio float64, prepare func(*node) ([]byte, error)) (err error) {
	site, err := b.openSite(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()
	request, err := prepare(site.node)
	if err != nil {
		return err
	}
	client, err := dialBench(ctx, site.address)
	if err != nil {
		return err
	}
	defer client.conn.Close()
	contentType, body, err := client.fetch(request)
	if err != nil {
		return err
	}
	bare, err := openBareSite(ctx, contentType, body)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.close()) }()
	ours := load{site.address, benchConnections, request, http.StatusOK}
	least := load{bare.address, benchConnections, request, http.StatusOK}
	rates, err := b.compare(ctx, what, ours.run, least.run)
	if err != nil {
		return err
	}
	b.report(finding{Section: section, What: fmt.Sprintf("%s (%s B)", what, thousands(float64(len(body)))), Unit: unit,
		Value: rates[0], Ceiling: rates[1], CeilingWhat: "bare handler", Budget: budget{Ratio: ratio}})
	return nil
}

// benchMillion compares tail polls of a long feed and of a short one.
func benchMillion(ctx context.Context, b *bench) (err error) {
	const long, short = 1_000_000, 100
	site, err := b.openSite(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()
	b.say("publishing a million entries")
	longLast, err := site.fill(ctx, "long", long, 200)
	if err != nil {
		return err
	}
	shortLast, err := site.fill(ctx, "short", short, 200)
	if err != nil {
		return err
	}
	poll := func(feed string, last int64) measure {
		request := getRequest("/feeds/"+feed, fmt.Sprintf("Xlastid: %d\r\n", last))
		return load{site.address, benchConnections, request, http.StatusOK}.run
	}
	rates, err := b.compare(ctx, "tail polls of long and short feeds", poll("long", longLast), poll("short", shortLast))
	if err != nil {
		return err
	}
	b.report(finding{Section: "million", What: "tail poll of a feed of 1,000,000 entries", Unit: "polls/s",
		Value: rates[0], Ceiling: rates[1], CeilingWhat: "of 100 entries", Budget: budget{Ratio: 1 / 1.2}})
	return nil
}

// fill publishes so many entries to a feed and returns the id of the last one.
func (n *node) fill(ctx context.Context, feed string, entries, size int) (last int64, err error) {
	const batch = 1000
	entry := benchEntry(size)
	for entries > 0 {
		posts := make([]bus.Post, min(batch, entries))
		for i := range posts {
			posts[i] = bus.Post{Feed: feed, Entry: entry}
		}
		published, err := n.bus.Publish(ctx, posts...)
		if err != nil {
			return 0, err
		}
		last = published[len(published)-1].ID
		entries -= len(posts)
	}
	return last, nil
}

// benchEntry makes an entry of about so many bytes of XML.
func benchEntry(size int) *feeds.Entry {
	const frame = `<entry xmlns="http://www.w3.org/2005/Atom"><title>bench</title><content></content></entry>`
	content := strings.Repeat("The quick brown fox jumps over the lazy dog. ", size/45+1)[:max(1, size-len(frame))]
	document, err := feeds.Parse(bytes.Replace([]byte(frame), []byte("</content>"), []byte(content+"</content>"), 1), "", feeds.Limits{})
	if err != nil {
		panic(err) // the entry is a constant but for its length
	}
	return document.Entries[0]
}
