package main

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
)

// Every row of the table of threats says what is done, and names a test that shows it.
func TestEveryThreatHasATestThatIsThere(t *testing.T) {
	there := testsInTree(t)
	doc, err := os.ReadFile("../../doc/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(doc), "\n## Threats\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| threat") {
			continue
		}
		rows++
		if len(cells) != 3 {
			t.Errorf("a row of %d cells: %s", len(cells), line)
			continue
		}
		named := testName.FindAllStringSubmatch(cells[2], -1)
		if len(named) == 0 {
			t.Errorf("no test is named for %q", cells[0])
		}
		for _, n := range named {
			if !there[n[1]] {
				t.Errorf("%s, which is named for %q, is in no file", n[1], cells[0])
			}
		}
	}
	if !found || rows < 30 {
		t.Errorf("doc/security.md has a table of %d threats", rows)
	}
}

// testsInTree returns the names of the repository's tests.
func testsInTree(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	tree := os.DirFS("../..")
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := fs.ReadFile(tree, path)
		for _, m := range testFunc.FindAllSubmatch(source, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
