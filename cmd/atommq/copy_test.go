package main

import (
	"context"
	"log/slog"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"atommq/bus"
	"atommq/db/dbtest"
)

const copiedEntries = 20_000

// fillFile makes a file with entries, and work that waits.
func fillFile(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "source.db")
	n, err := openBenchNode(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.store.ConfigureQueue(t.Context(), "long", bus.DefaultQueue, bus.QueueSettings{}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.fill(t.Context(), "long", copiedEntries, 300); err != nil {
		t.Fatal(err)
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// killCopies runs a copy over and over, and kills it, each time a little later, until one ends by itself.
func killCopies(t *testing.T, from, to string) {
	t.Helper()
	for killed, life := 0, 20*time.Millisecond; ; killed, life = killed+1, life*3/2 {
		ctx, cancel := context.WithTimeout(t.Context(), life)
		cmd := exec.CommandContext(ctx, "atommq", "copy", "--from", from, "--to", to)
		out, err := cmd.CombinedOutput()
		over := ctx.Err() != nil
		cancel()
		switch {
		case err == nil:
			t.Logf("whole after %d kills:\n%s", killed, out)
			if killed < 3 || !regexp.MustCompile(`atommq_entry +20000 `).Match(out) {
				t.Errorf("%d kills, and then %s", killed, out)
			}
			return
		case !over && strings.Contains(string(out), "a node works on it"): // the server does not know yet that the one before is gone
		case !over:
			t.Fatalf("copy: %v: %s", err, out)
		}
	}
}

func TestACopyKilledAtAnyMomentIsWholeInTheEnd(t *testing.T) {
	source := fillFile(t)
	server, back := dbtest.Start(t, "fsync=off").Database(t), filepath.Join(t.TempDir(), "back.db")
	killCopies(t, source, server)
	killCopies(t, server, back)
	for _, name := range []string{server, back} {
		n, err := openNode(t.Context(), &settings{DB: name}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		feed, err := n.store.Feed(t.Context(), "long")
		if err != nil || feed.Entries != copiedEntries || feed.LastID != copiedEntries {
			t.Errorf("the feed is %+v, %v", feed, err)
		}
		queue, err := n.store.Queue(t.Context(), "long", bus.DefaultQueue)
		if err != nil || queue.Waiting != copiedEntries {
			t.Errorf("the queue is %+v, %v", queue, err)
		}
		if err := n.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsInterruptedSaysSo(t *testing.T) {
	source := filepath.Join(t.TempDir(), "bus.db")
	runCommand(t, "migrate", "up", "--db", source)
	runCommand(t, "feeds", "set", "x", "--title", "X", "--db", source)
	for _, args := range [][]string{
		{"copy", "--from", source, "--to", source + ".copy"},
		{"export", "x", "--db", source},
		{"backup", source + ".backup", "--db", source},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(interrupted{})
		cmd := newCommand()
		cmd.SetArgs(args)
		var stderr strings.Builder
		if status := execute(ctx, cmd, &stderr); status != statusFailed || !strings.HasSuffix(stderr.String(), ": interrupted\n") {
			t.Errorf("%s: status %d: %s", args[0], status, &stderr)
		}
	}
}
