package feeds

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

// documents returns the documents in a directory of testdata, by file name.
func documents(tb testing.TB, dir string) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.xml"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no documents in testdata/%s: %v", dir, err)
	}
	docs := make(map[string][]byte, len(files))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		docs[strings.TrimSuffix(filepath.Base(f), ".xml")] = b
	}
	return docs
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", path, d)
	}
}

// page is a feed document of entries.
func page(entries []*Entry) []byte {
	f := testFeed()
	p := &Page{Feed: *f, Collection: testCollection, Base: "https://example.org", Self: testCollection}
	for _, e := range entries {
		p.Members = append(p.Members, testMember(e))
	}
	return AppendFeed(nil, p, func(dst []byte, m *Member) []byte {
		return AppendMember(dst, m, f, testCollection)
	})
}

func TestAcceptedDocumentsKeepTheirBytes(t *testing.T) {
	for name, doc := range documents(t, "accepted") {
		t.Run(name, func(t *testing.T) {
			d, err := Parse(bytes.Clone(doc), "", Limits{})
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			for _, e := range d.Entries {
				fmt.Fprintf(&out, "id %q title %q updated %s published %s absent %07b\n",
					e.ID, e.Title, appendTime(nil, e.Updated), appendTime(nil, e.Published), e.Absent)
				fmt.Fprintf(&out, "--- kept\n%s\n--- alone\n%s\n", e.XML, AppendDocument(nil, testMember(e), testFeed(), testCollection))
			}
			fmt.Fprintf(&out, "--- in a feed\n%s", page(d.Entries))
			golden(t, filepath.Join("accepted", name+".golden"), out.Bytes())
		})
	}
}

func TestRefusedDocumentsSayWhereAndWhatToDo(t *testing.T) {
	for name, doc := range documents(t, "refused") {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(doc, "", Limits{})
			if err == nil {
				t.Fatal("accepted")
			}
			golden(t, filepath.Join("refused", name+".golden"), []byte(err.Error()+"\n"))
		})
	}
}
