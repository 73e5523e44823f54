package stompgw_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"atommq/bus"
	"atommq/db"
	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

// openDeafBus opens a bus that does not hear of what other processes write.
func openDeafBus(t *testing.T, path string) *bus.Bus {
	t.Helper()
	store, err := db.Open(t.Context(), path, db.Config{Synchronous: "NORMAL"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bus.Open(context.Background(), store, nil, bus.Config{Log: slog.New(slog.DiscardHandler)})
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

// TestACursorAheadOfTheLogIsRefused is at a node that has not heard of what another one published:
// that is no cursor ahead of the log.
func TestACursorAheadOfTheLogIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	there, here := serve(t, &stompgw.Server{Bus: openBus(t, path)}), serve(t, &stompgw.Server{Bus: openDeafBus(t, path)})
	sender := there.connect(t, "1.2")
	for range 3 {
		sender.done("SEND", "destination:/topic/x")
	}
	here.connect(t, "1.2").done("SUBSCRIBE", "id:1", "destination:/topic/x", "Xlastid:3")
	for _, destination := range []string{"/topic/x", "/topic/none", "/topic/*"} {
		here.connect(t, "1.2").wantERROR("SUBSCRIBE|id:1|Xlastid:4|destination:"+destination, "Xlastid 4 is ahead of the log, whose newest id is 3")
		there.connect(t, "1.2").wantERROR("SUBSCRIBE|id:1|Xlastid:900|destination:"+destination, "subscribe with Xlastid:3 for what comes next, or Xlastid:0")
	}
}

// TestTheCursorThatAnERRORNamesBeginsWithTheOldestEntry takes it at its word.
func TestTheCursorThatAnERRORNamesBeginsWithTheOldestEntry(t *testing.T) {
	for destination, advice := range map[string]string{
		"/topic/x":  "subscribe with Xlastid:3, which begins with the oldest",
		"/topic/x*": "which goes on behind 1 with all that is kept", // others may keep what is older
	} {
		g := start(t)
		sender := g.connect(t, "1.2")
		for i := range 5 {
			sender.done("SEND", "destination:/topic/x", fmt.Sprint("n:", i+1))
		}
		if _, err := g.Bus.Prune(t.Context(), "x", 3); err != nil {
			t.Fatal(err)
		}
		c := g.connect(t, "1.2")
		c.sendFrame("SUBSCRIBE", "id:1", "destination:"+destination, "Xlastid:1")
		refusal := c.next()
		_, cursor, _ := strings.Cut(string(refusal.Body), "subscribe with Xlastid:")
		cursor, _, _ = strings.Cut(cursor, ",")
		if text := show(refusal); refusal.Command != stomp.ERROR || !strings.Contains(text, "the oldest entry kept is 4") || !strings.Contains(text, advice) {
			t.Fatalf("%s: got %s", destination, text)
		}
		c = g.connect(t, "1.2")
		c.sendFrame("SUBSCRIBE", "id:1", "destination:"+destination, "Xlastid:"+cursor)
		if f := c.next(); f.Command != stomp.MESSAGE || header(f, "n") != "4" {
			t.Errorf("%s: got %s", destination, show(f))
		}
	}
}
