package feeds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutations is how many documents the differential test makes out of the golden ones.
const mutations = 30_000

// verdict is one accepted document, and what became of it, as differential.py reads it.
type verdict struct {
	Posted string `json:"posted"`
	// Encoding is UTF-16 where a byte order mark says so, as RFC 7303 wants it to go
	// before the declaration; expat looks at the declaration first.
	Encoding *string  `json:"encoding"`
	Alone    []string `json:"alone"`
	Feed     string   `json:"feed"`
	Batch    bool     `json:"batch"`
	Managed  []int    `json:"managed"` // by entry: how many elements are the server's
}

// What AtomMQ accepts, expat and libxml2 accept too, alone and inside a feed, and
// its canonical form is that of what was posted but for the server's elements.
func TestWhatIsAcceptedIsXMLToOthers(t *testing.T) {
	python, xmllint := tool(t, "python3", "python3"), tool(t, "xmllint", "libxml2-utils")
	docs := corpus(t)
	for i, doc := range mutate(documents(t, "accepted"), mutations) {
		docs[fmt.Sprintf("mutation-%d", i)] = doc
	}
	dir := t.TempDir()
	var cases []verdict
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		d, err := Parse(bytes.Clone(docs[name]), "", Limits{})
		if err == nil {
			cases = append(cases, written(t, dir, name, docs[name], d))
		}
	}
	t.Logf("%d of %d documents were accepted", len(cases), len(docs))
	if len(cases) < mutations/10 {
		t.Error("too few to prove anything")
	}
	readWithExpat(t, python, cases)
	readWithLibxml2(t, xmllint, cases)
}

// tool finds a program; without it the test is skipped, but not in CI.
func tool(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing; install the Debian package %s", name, debian)
	}
	t.Skipf("%s is missing; install the Debian package %s", name, debian)
	return ""
}

// corpus returns every document kept in testdata.
func corpus(tb testing.TB) map[string][]byte {
	docs := documents(tb, "accepted")
	maps.Copy(docs, documents(tb, "refused"))
	maps.Copy(docs, documents(tb, "bench"))
	files, err := filepath.Glob("testdata/fuzz/FuzzParse/*")
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range files {
		doc, err := fuzzed(f)
		if err != nil {
			tb.Fatalf("%s: %v", f, err)
		}
		docs["fuzz-"+filepath.Base(f)] = doc
	}
	return docs
}

// fuzzed reads the one argument in a file that go test -fuzz wrote.
func fuzzed(file string) (doc []byte, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	_, line, _ := strings.Cut(string(b), "\n")
	_, err = fmt.Sscanf(line, "[]byte(%q)", &doc)
	return doc, err
}

// written writes a document, and what is made of it, into dir.
func written(t *testing.T, dir, name string, doc []byte, d *Document) verdict {
	t.Helper()
	write := func(suffix string, b []byte) string {
		path := filepath.Join(dir, name+suffix)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := verdict{Posted: write(".posted", doc), Feed: write(".feed", page(d.Entries)), Batch: d.Batch}
	if bytes.HasPrefix(doc, []byte("\xFE\xFF")) || bytes.HasPrefix(doc, []byte("\xFF\xFE")) {
		a.Encoding = new("UTF-16")
	}
	for i, e := range d.Entries {
		m := testMember(e)
		a.Alone = append(a.Alone, write(fmt.Sprintf(".%d", i), AppendDocument(nil, m, testFeed(), testCollection)))
		// The id extension, app:edited and the two links are always the server's.
		a.Managed = append(a.Managed, 4+bits.OnesCount16(uint16(e.Absent)))
	}
	return a
}

func readWithExpat(t *testing.T, python string, cases []verdict) {
	t.Helper()
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, c := range cases {
		if err := enc.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, "testdata/differential.py")
	cmd.Stdin = &in
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("expat: %v\n%.4000s", err, out)
	}
}

func readWithLibxml2(t *testing.T, xmllint string, cases []verdict) {
	t.Helper()
	var files []string
	for _, c := range cases {
		files = append(append(files, c.Feed), c.Alone...)
	}
	for some := range slices.Chunk(files, 1000) {
		out, err := exec.Command(xmllint, append([]string{"--noout", "--nonet"}, some...)...).CombinedOutput()
		if err != nil {
			t.Errorf("xmllint: %v", err)
		}
		for line := range strings.Lines(string(out)) {
			// A warning (a relative namespace name) and a validity error (an xml:id that
			// stands twice) leave the document well-formed.
			if strings.Contains(line, " error : ") && !strings.Contains(line, "validity error") {
				t.Errorf("libxml2: %s", line)
			}
		}
	}
}

// splinters are what a mutation puts in: what XML and Atom are sensitive to.
var splinters = strings.Split(`< > & " ' / = ! ? ]]> <!-- --> -- <![CDATA[ ]] <?a ?> <?xml:a ?> &lt; &#13; &#10; &#x0; &#xFFFE; &#x1F388; &a; `+
	`xmlns="" xmlns:a="urn:a" xmlns:a="" xmlns="urn:b" xmlns:x="http://e/%2" xmlns:b="a:b" xmlns="1:a" a:b="c" a:b a: :a <a> </a> <a/> <a:a/> `+
	`xml:lang="x y" xml:id="1" xml:id="a" xml:space="odd" xml:base="a b" <entry> </entry> <entry/> <title> </title> <content> </content> <author> <name> `+
	`type="xhtml" type="html" type="text/xml" type="image/png" src="a" rel="edit" rel="self" href="a" <id> 2005-07-31T12:29:29Z urn:a:b `+
	`é · ٠ 豈 𐐀 `+"\x00 \x0b \x85 \xc2\x85 \xef\xbf\xbe \xed\xa0\x80 \xff \r \n \t \u2028 \ufeff", " ")

// mutate makes n documents out of those given, the same ones each time.
func mutate(docs map[string][]byte, n int) [][]byte {
	r := rand.New(rand.NewPCG(2005, 4287))
	names := slices.Sorted(maps.Keys(docs))
	out := make([][]byte, n)
	for i := range out {
		doc := bytes.Clone(docs[names[r.IntN(len(names))]])
		for range 1 + r.IntN(2) {
			doc = mutated(r, doc)
		}
		out[i] = doc
	}
	return out
}

func mutated(r *rand.Rand, doc []byte) []byte {
	from := r.IntN(len(doc) + 1)
	to := min(len(doc), from+r.IntN(12))
	switch r.IntN(4) {
	case 0:
		return slices.Delete(doc, from, to)
	case 1:
		return slices.Insert(doc, from, doc[from:to]...)
	case 2:
		return slices.Insert(doc, from, []byte(splinters[r.IntN(len(splinters))])...)
	}
	at := betweenTags(r, doc)
	return slices.Insert(doc, at, []byte(" "+splinters[r.IntN(len(splinters))])...)
}

// betweenTags returns a place behind a ">" or a name, where a mutation has better chances.
func betweenTags(r *rand.Rand, doc []byte) int {
	var places []int
	for i, c := range doc {
		if c == '>' || c == ' ' {
			places = append(places, i+int(c&2)/2) // behind ">", before " "
		}
	}
	if len(places) == 0 {
		return 0
	}
	return places[r.IntN(len(places))]
}
