package main

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// arrows is the drawing in doc/architecture.md: what each package may import of
// this module, and of others where that is fixed too. A package that is not
// here may not exist.
var arrows = map[string]struct {
	imports []string // of this module
	foreign []string // module paths or packages; nil for any, none for the standard library alone
}{
	"cmd/atommq":      {imports: []string{"api", "web", "stompgw", "stompgw/stomp", "db", "migrations", "bus", "feeds"}},
	"api":             {imports: []string{"bus", "feeds"}},
	"web":             {imports: []string{"bus", "feeds"}},
	"stompgw":         {imports: []string{"stompgw/stomp", "bus", "feeds"}},
	"stompgw/stomp":   {foreign: []string{}},
	"db":              {imports: []string{"db/walvfs", "migrations", "bus", "feeds"}},
	"db/walvfs":       {foreign: []string{}},
	"db/dbtest":       {foreign: []string{"github.com/lib/pq"}},
	"migrations":      {},
	"bus":             {imports: []string{"feeds"}},
	"bus/bustest":     {imports: []string{"bus", "feeds"}},
	"feeds":           {foreign: []string{"golang.org/x/tools/blog/atom"}},
	"web/browsertest": {foreign: []string{}},
}

// testArrows are the further packages that any test may import: the real
// store, the servers for it, the conformance tests that hold it to its promises, and a browser.
var testArrows = []string{"db", "db/dbtest", "bus/bustest", "web/browsertest"}

func TestPackagesImportOnlyAlongTheDrawnArrows(t *testing.T) {
	for _, p := range listPackages(t) {
		name := inModule(p.ImportPath)
		arrow, drawn := arrows[name]
		if !drawn {
			t.Errorf("package %s is not in the drawing", name)
			continue
		}
		for _, path := range p.Imports {
			switch {
			case path == "C":
			case strings.HasPrefix(path, "atommq/"):
				if !slices.Contains(arrow.imports, inModule(path)) {
					t.Errorf("%s imports %s: no such arrow is drawn", name, inModule(path))
				}
			case arrow.foreign != nil && foreign(path) && !slices.Contains(arrow.foreign, path):
				t.Errorf("%s imports %s; it may import the standard library and %q", name, path, arrow.foreign)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			own := inModule(path)
			if strings.HasPrefix(path, "atommq/") && own != name &&
				!slices.Contains(arrow.imports, own) && !slices.Contains(testArrows, own) {
				t.Errorf("a test of %s imports %s: no such arrow is drawn", name, own)
			}
		}
	}
}

// namedFile is the name of a file in the comment of a package.
var namedFile = regexp.MustCompile(`\b[a-z_]+\.go\b`)

func TestPackagesOfManyFilesNameThoseToBeginWith(t *testing.T) {
	const many = 20
	for _, p := range listPackages(t) {
		var named []string
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			named = append(named, namedFile.FindAllString(file.Doc.Text(), -1)...)
		}
		if len(named) == 0 && len(p.GoFiles) > many {
			t.Errorf("package %s has %d files, and its comment names none to begin with", p.ImportPath, len(p.GoFiles))
		}
		for _, name := range named {
			if !slices.Contains(p.GoFiles, name) {
				t.Errorf("the comment of package %s names %s, which it has not", p.ImportPath, name)
			}
		}
	}
}

// listing is what go list says of a package.
type listing struct {
	ImportPath, Dir                             string
	GoFiles, Imports, TestImports, XTestImports []string
}

func listPackages(t *testing.T) []listing {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", "atommq/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listing
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listing
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func inModule(path string) string { return strings.TrimPrefix(path, "atommq/") }

// foreign reports whether path is of neither this module nor the standard
// library, whose paths have no dot in their first element.
func foreign(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return first != "atommq" && strings.Contains(first, ".")
}
