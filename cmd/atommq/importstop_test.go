package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestAnImportKilledAtAnyMomentGoesOnAndDoublesNothing(t *testing.T) {
	const entries = 5000
	var doc bytes.Buffer
	doc.WriteString(`<feed xmlns="http://www.w3.org/2005/Atom"><title>of others</title>`)
	for i := range entries {
		fmt.Fprintf(&doc, "<entry><id>https://example.org/%d</id><title>%d</title></entry>\n", i, i)
	}
	doc.WriteString("</feed>")
	dir := t.TempDir()
	file, path := filepath.Join(dir, "long.atom"), filepath.Join(dir, "bus.db")
	if err := os.WriteFile(file, doc.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	runAtommq(t, "migrate", "up", "--db", path)
	killed := 0
	for life := 20 * time.Millisecond; ; life = life * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), life)
		out, err := exec.CommandContext(ctx, "atommq", "import", file, "--feed", "long", "--db", path).CombinedOutput()
		over := ctx.Err() != nil
		cancel()
		if err == nil {
			break
		}
		if !over {
			t.Fatalf("import: %v\n%s", err, out)
		}
		killed++
	}
	if killed == 0 {
		t.Error("it was never killed")
	}
	out, err := exec.CommandContext(t.Context(), "sqlite3", path, `SELECT count(*), count(DISTINCT atom_id), sum(CAST(title AS INTEGER) = id - 1) FROM atommq_entry`).Output()
	if want := fmt.Sprintf("%d|%d|%d\n", entries, entries, entries); err != nil || string(out) != want {
		t.Errorf("after %d kills there are %s, %v", killed, out, err)
	}
}
