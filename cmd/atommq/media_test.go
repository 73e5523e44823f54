package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"atommq/bus"
	"atommq/db"
)

// An upload that a killed server was in the middle of is not published, and what came of it is
// removed in time.
func TestAKilledUploadLeavesNothing(t *testing.T) {
	server := startServer(t)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n%s", 10*bus.MediaChunk, strings.Repeat("x", 2*bus.MediaChunk))
	if err != nil {
		t.Fatal(err)
	}
	store, err := db.Open(t.Context(), server.DB, db.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	waitForChunk(t, store)
	if err := server.kill(); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(conn); len(rest) > 0 {
		t.Errorf("the upload was answered: %s", rest)
	}
	if _, err := store.Feed(t.Context(), "x"); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("half an upload made the feed: %v", err)
	}
	if n, err := store.Sweep(t.Context(), time.Now().Add(-time.Minute), 10); err != nil || n != 0 {
		t.Errorf("Sweep of what was just touched = %d, %v", n, err)
	}
	if n, err := store.Sweep(t.Context(), time.Now().Add(time.Minute), 10); err != nil || n == 0 {
		t.Errorf("Sweep = %d, %v, want the chunks that came", n, err)
	}
	if _, err := store.Chunk(t.Context(), 1, 0); !errors.Is(err, bus.ErrNoMedia) {
		t.Errorf("a chunk is left: %v", err)
	}
}

// waitForChunk waits until the first chunk of the first upload is on disk.
func waitForChunk(t *testing.T, store *db.Store) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), processWait)
	defer stop()
	found := errors.New("found")
	ctx, done := context.WithCancelCause(ctx)
	defer done(nil)
	err := store.Watch(ctx, func() {
		if _, err := store.Chunk(ctx, 1, 0); err == nil {
			done(found)
		}
	})
	if !errors.Is(err, found) {
		t.Fatalf("no chunk came: %v", err)
	}
}
