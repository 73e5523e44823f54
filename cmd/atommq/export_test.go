package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"atommq/feeds"
)

// runAtommq runs a command, which must succeed, and returns what it prints.
func runAtommq(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "atommq", args...).Output()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
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
	if out := runAtommq(t, "import", in("archive"), "--db", in("again.db")); string(out) != fmt.Sprintf("imported %d, had 0\n", entries) {
		t.Errorf("import: %s", out)
	}
	if again := runAtommq(t, "export", "long", "--db", in("again.db")); len(again) == 0 {
		t.Error("nothing is exported again")
	}
}
