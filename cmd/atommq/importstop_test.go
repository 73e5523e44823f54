package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	killed := importKilled(t, file, "--feed", "long", "--db", path)
	out, err := exec.CommandContext(t.Context(), "sqlite3", path, `SELECT count(*), count(DISTINCT atom_id), sum(CAST(title AS INTEGER) = id - 1) FROM atommq_entry`).Output()
	if want := fmt.Sprintf("%d|%d|%d\n", entries, entries, entries); err != nil || string(out) != want {
		t.Errorf("after %d kills there are %s, %v", killed, out, err)
	}
}

// importKilled runs an import that is killed, later and later, until one comes to its end. It returns
// how many were.
func importKilled(t *testing.T, args ...string) (killed int) {
	t.Helper()
	for life := 20 * time.Millisecond; ; life = life * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), life)
		out, err := exec.CommandContext(ctx, "atommq", append([]string{"import"}, args...)...).CombinedOutput()
		over := ctx.Err() != nil
		cancel()
		if err == nil {
			if killed == 0 {
				t.Error("it was never killed")
			}
			return killed
		}
		if !over {
			t.Fatalf("import: %v\n%s", err, out)
		}
		killed++
	}
}

func TestAnImportOfFilesKilledAtAnyMomentHasAllOfThemWhole(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	p := startServer(t, "--db", in("bus.db"))
	post := func(typ, body string) (member string) {
		resp, err := http.Post(p.URL+"feeds/files", typ, strings.NewReader(body))
		if err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusCreated {
			t.Fatal(resp, err)
		}
		return resp.Header.Get("Location")
	}
	var members []string
	for i := range 40 {
		members = append(members, post("image/png", strings.Repeat(fmt.Sprint(i), 200_000)), post("text/plain", fmt.Sprint(i)))
	}
	for i, method := range []string{http.MethodDelete, http.MethodDelete, http.MethodPut} { // of a file, of a text; of a file again
		target := members[i]
		if method == http.MethodPut {
			target += "/media"
		}
		req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader("another file"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "image/png")
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.Body.Close() != nil || resp.StatusCode/100 != 2 {
			t.Fatal(method, resp, err)
		}
	}
	runAtommq(t, "export", "--all", "--to", in("archive"), "--db", in("bus.db"))
	runAtommq(t, "migrate", "up", "--db", in("again.db"))
	killed := importKilled(t, in("archive"), "--db", in("again.db"))
	const what = `SELECT e.uuid, title, atom_id, e.published, e.updated, absent, media, e.xml, m.size, hex(m.digest)
		FROM atommq_entry AS e LEFT JOIN atommq_media AS m ON m.entry = e.uuid WHERE NOT deleted ORDER BY e.id`
	had, has := run(t, "sqlite3", in("bus.db"), what), run(t, "sqlite3", in("again.db"), what)
	if had != has || strings.Count(has, "\n") != 78 {
		t.Errorf("after %d kills there are\n%s, of\n%s", killed, has, had)
	}
	runAtommq(t, "check", "--db", in("again.db")) // which reads the files
}
