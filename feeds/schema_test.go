package feeds

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// validate holds documents, by name, to a grammar in testdata/schema. It returns what jing says, ""
// where all are valid.
func validate(t *testing.T, schema string, docs map[string][]byte) string {
	t.Helper()
	if _, err := exec.LookPath("jing"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("needs jing: apt-get install jing")
		}
		t.Skip("needs jing: apt-get install jing")
	}
	dir := t.TempDir()
	args := []string{"-c", filepath.Join("testdata", "schema", schema)}
	for name, doc := range docs {
		path := filepath.Join(dir, name+".xml")
		if err := os.WriteFile(path, doc, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	cmd := exec.CommandContext(t.Context(), "jing", args...)
	var warnings bytes.Buffer // such as of jars that Debian has not installed, and that are not needed
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("jing: %v\n%s", err, &warnings)
	}
	return strings.ReplaceAll(string(out), dir, "")
}

// outside are documents in which their publisher says what RFC 4287 does not allow, and which are
// taken nevertheless: its grammar refuses them from whatever server.
var outside = map[string]string{
	"crlf":               "an attribute without a namespace on <content>",
	"foreign":            "an <entry> within the entry",
	"managed-cut":        "app:edited within app:control",
	"text-quotes-in-tag": "attributes without a namespace on <entry>",
}

func TestDocumentsFollowTheGrammarsOfTheRFCs(t *testing.T) {
	docs := make(map[string][]byte)
	for name, doc := range documents(t, "accepted") {
		if outside[name] != "" {
			continue
		}
		d, err := Parse(doc, "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		docs["in-a-feed-"+name] = page(d.Entries)
		docs[name] = AppendDocument(nil, testMember(d.Entries[0]), testFeed(), testCollection)
	}
	for name, schema := range map[string]string{
		"feed": "atommq", "feed-unborn": "atommq", "archive": "atommq", "tombstone": "atommq",
		"list": "list", "list-empty": "list", "service": "service",
	} {
		doc, err := os.ReadFile(filepath.Join("testdata", "documents", name+".xml"))
		if err != nil {
			t.Fatal(err)
		}
		if schema == "atommq" {
			docs["of-the-server-"+name] = doc
		} else if said := validate(t, schema+".rnc", map[string][]byte{name: doc}); said != "" {
			t.Error(said)
		}
	}
	if said := validate(t, "atommq.rnc", docs); said != "" {
		t.Error(said)
	}
}

// The grammars refuse what they should, or they would prove nothing.
func TestTheGrammarsRefuseWhatIsWrong(t *testing.T) {
	good := AppendDocument(nil, testMember(entryOf(t, &Message{Type: "text/plain", Body: []byte("text")})), testFeed(), testCollection)
	docs := make(map[string][]byte)
	for name, change := range map[string][2]string{
		"edited-twice":   {"<app:edited ", `<app:edited xmlns:app="http://www.w3.org/2007/app">2026-03-14T15:09:26Z</app:edited><app:edited `},
		"no-id":          {`<mq:id xmlns:mq="urn:atommq">42</mq:id>`, ""},
		"no-date":        {"<updated>2026", "<updated>26"},
		"unknown":        {"<title>", "<color>red</color><title>"},
		"control":        {"<title>", `<app:control xmlns:app="http://www.w3.org/2007/app"><app:draft>maybe</app:draft></app:control><title>`},
		"link-no-href":   {" href=", " ref="},
		"content-type":   {`type="text"`, `type="nonsense"`},
		"author-no-name": {"<author><name>a b</name></author>", "<author/>"},
	} {
		docs[name] = bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
	}
	said := validate(t, "atommq.rnc", docs)
	for name := range docs {
		if !strings.Contains(said, "/"+name+".xml") {
			t.Errorf("the grammar takes %s", name)
		}
	}
}

// Whoever reads archives, or makes them, with programs of their own has this grammar to go by.
func TestArchivesFollowTheirGrammar(t *testing.T) {
	docs := make(map[string][]byte)
	archive := func(name, entry, media string) {
		doc, err := Parse([]byte(entry), "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		f, page := testFeed(), &Page{Feed: *testFeed(), Archive: true, Name: true, Self: "000001.atom"}
		for _, e := range doc.Entries {
			m := testMember(e)
			m.Media = media
			page.Members = append(page.Members, m)
		}
		docs[name] = AppendFeed(nil, page, func(dst []byte, m *Member) []byte {
			dst, err := AppendKept(dst, m, f, "media/"+m.UUID, sumOf(m))
			if err != nil {
				t.Fatal(err)
			}
			return dst
		})
	}
	for name, doc := range documents(t, "accepted") {
		if outside[name] == "" {
			archive(name, string(doc), "")
		}
	}
	archive("with-a-file", "<!-- before --><entry><title>cat.png</title></entry><!-- behind -->", "image/png")
	if said := validate(t, "archive.rnc", docs); said != "" {
		t.Error(said)
	}
}
