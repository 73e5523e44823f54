package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"atommq/feeds"
)

// runAtommq runs a command, which must succeed, and returns what it prints.
func runAtommq(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "atommq", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v: %s", args, err, &stderr)
	}
	return out
}

func TestALongFeedIsExportedWholeEitherWay(t *testing.T) {
	const entries = 2*archiveEntries + 500
	var doc bytes.Buffer
	doc.WriteString(`<feed xmlns="http://www.w3.org/2005/Atom"><title>of &lt;fh:archive others</title>`)
	for i := range entries {
		fmt.Fprintf(&doc, "<entry><id>https://example.org/%d</id><title>%d</title></entry>\n", i, i)
	}
	doc.WriteString("</feed>")
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	writeFile(t, in("long.atom"), doc.String())
	runAtommq(t, "migrate", "up", "--db", in("bus.db"))
	runAtommq(t, "import", in("long.atom"), "--feed", "long", "--db", in("bus.db"))

	one := runAtommq(t, "export", "long", "--db", in("bus.db"))
	parsed, err := feeds.Parse(one, "", feeds.Limits{Entries: 10 * entries})
	if err != nil || len(parsed.Entries) != entries || parsed.Feed != "long" {
		t.Fatalf("one document: %v", err)
	}
	for i, e := range parsed.Entries {
		if e.Title != fmt.Sprint(i) {
			t.Fatalf("entry %d of the document is %q", i, e.Title)
		}
	}
	writeFile(t, in("one.atom"), string(one))
	if err := exec.CommandContext(t.Context(), "xmllint", "--noout", in("one.atom")).Run(); err != nil {
		t.Errorf("xmllint: %v", err)
	}

	runAtommq(t, "export", "--all", "--to", in("archive"), "--db", in("bus.db"))
	for number, links := range map[int][]string{1: {"", "000002.atom"}, 2: {"000001.atom", "000003.atom"}, 3: {"000002.atom", ""}} {
		b, err := os.ReadFile(filepath.Join(in("archive"), "long", archiveName(number)))
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(b), "<fh:archive xmlns")
		for i, rel := range []string{"prev-archive", "next-archive"} {
			want := fmt.Sprintf(`<link rel=%q type="application/atom+xml;type=feed" href=%q/>`, rel, links[i])
			if strings.Contains(head, rel) != (links[i] != "") || links[i] != "" && !strings.Contains(head, want) {
				t.Errorf("document %d has no %s, or one too many:\n%s", number, want, head)
			}
		}
	}
	runAtommq(t, "migrate", "up", "--db", in("again.db"))
	if out := runAtommq(t, "import", in("archive"), "--db", in("again.db")); string(out) != fmt.Sprintf("imported %d, had 0\n", entries) {
		t.Errorf("import: %s", out)
	}
	if again := runAtommq(t, "export", "long", "--db", in("again.db")); len(again) == 0 {
		t.Error("nothing is exported again")
	}
}

// A name that is not on the disk goes with a power cut, and the file with it.
func TestWhatAnExportWroteKeepsItsNamesThroughAPowerCut(t *testing.T) {
	strace := needProgram(t, "strace", "strace")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	p := startServer(t, "--db", in("bus.db"))
	resp, err := http.Post(p.URL+"feeds/files", "image/png", strings.NewReader("a file"))
	if err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusCreated {
		t.Fatal(resp, err)
	}
	run(t, strace, "-f", "-y", "-e", "trace=fsync", "-o", in("trace"), "atommq", "export", "--all", "--to", in("new/archive"), "--db", in("bus.db"))
	trace, err := os.ReadFile(in("trace"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "new", "new/archive", "new/archive/files", "new/archive/files/media"} {
		if !strings.Contains(string(trace), "<"+in(name)+">)") {
			t.Errorf("the directory %q is not brought to the disk:\n%s", name, trace)
		}
	}
}

// hostileFeeds are names that lead out of a directory where they are taken for paths, or that no file can have.
var hostileFeeds = []string{
	"../../escape", "..\\..\\escape", "/etc/escape", ".hidden", "...", "a/../../b", "media", "000001.atom", "con", "x.", " ", "%2e%2e", "~", "*", "-rf",
	strings.Repeat("€", 85), strings.Repeat("€", 84) + "eur", strings.Repeat("x", 255), strings.Repeat("x", 254) + "y", strings.Repeat(".", 255),
}

// Whoever may publish chooses the names of feeds, and an operator exports them all.
func TestAnExportStaysInItsDirectoryWhateverFeedsAreNamed(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	entry := in("entry.atom")
	runAtommq(t, "migrate", "up", "--db", in("bus.db"))
	for _, feed := range hostileFeeds {
		writeFile(t, entry, fmt.Sprintf("<entry><id>urn:x:%x</id><title>%d</title></entry>", feed, len(feed)))
		runAtommq(t, "import", entry, "--feed="+feed, "--db", in("bus.db"))
	}
	before := list(t, dir)
	runAtommq(t, "export", "--all", "--to", in("archive/of/it"), "--db", in("bus.db"))
	var documents int
	for name := range list(t, dir) {
		switch {
		case before[name], strings.HasPrefix(name, "bus.db-"):
		case !strings.HasPrefix(name, "archive/of/it/"):
			t.Errorf("%s is written outside", name)
		default:
			documents++
		}
	}
	if documents != len(hostileFeeds) {
		t.Errorf("%d feeds make %d documents", len(hostileFeeds), documents)
	}
	runAtommq(t, "migrate", "up", "--db", in("again.db"))
	runAtommq(t, "import", in("archive"), "--db", in("again.db"))
	for _, feed := range hostileFeeds {
		if doc := string(runAtommq(t, "export", "--db", in("again.db"), "--", feed)); !strings.Contains(doc, fmt.Sprintf("<title>%d</title>", len(feed))) {
			t.Errorf("%q comes back as\n%s", feed, doc)
		}
	}
}

// list returns the files below a directory.
func list(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files := make(map[string]bool)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files[strings.TrimPrefix(path, dir+"/")] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// An archive may come from anybody: links in it must not have files of this machine published.
func TestAnArchiveReachesNoFileBeyondItself(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	server := startServer(t)
	if status, text := ask(t, "POST", server.URL+"feeds/files", "mine", "Content-Type: image/png"); status != 201 {
		t.Fatal(text)
	}
	runAtommq(t, "export", "files", "--to", in("archive"), "--db", server.DB)
	media, err := filepath.Glob(in("archive/files/media/*"))
	if err != nil || len(media) != 1 {
		t.Fatal(media, err)
	}
	writeFile(t, in("secret"), "a secret of this machine")
	document := in("archive/files/000001.atom")
	for name, attack := range map[string]func() error{
		"media that are a link": func() error { return replaced(media[0], func() error { return os.Symlink(in("secret"), media[0]) }) },
		"media that are a pipe": func() error { return replaced(media[0], func() error { return syscall.Mkfifo(media[0], 0o600) }) },
		"a directory that is a link": func() error {
			if err := os.Rename(in("archive/files/media"), in("elsewhere")); err != nil {
				return err
			}
			return os.Symlink(in("elsewhere"), in("archive/files/media"))
		},
		"a document that is a link": func() error {
			return replaced(document, func() error { return os.Symlink(in("secret"), document) })
		},
	} {
		if err := os.RemoveAll(in("archive")); err != nil {
			t.Fatal(err)
		}
		runAtommq(t, "export", "files", "--to", in("archive"), "--db", server.DB)
		if err := attack(); err != nil {
			t.Fatal(err)
		}
		runAtommq(t, "migrate", "up", "--db", in(name+".db"))
		out, err := exec.CommandContext(t.Context(), "atommq", "import", in("archive"), "--db", in(name+".db")).CombinedOutput()
		if err == nil || strings.Contains(string(out), "imported") {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}

// replaced removes a file, and has another thing take its place.
func replaced(name string, with func() error) error {
	if err := os.Remove(name); err != nil {
		return err
	}
	return with()
}
