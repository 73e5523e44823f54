package feeds

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// archived writes members into an archive, and parses that.
func archived(t *testing.T, members ...*Member) *Document {
	t.Helper()
	f := Feed{Name: "näme <&>", UUID: "01a22499-fe78-7337-a84d-8bcde95670a4", Title: "the title"}
	doc := AppendFeed(nil, &Page{Feed: f, Archive: true, Name: true, Members: members}, func(dst []byte, m *Member) []byte {
		dst, err := AppendKept(dst, m, &f, "media/"+m.UUID, sumOf(m))
		if err != nil {
			t.Fatal(err)
		}
		return dst
	})
	parsed, err := Parse(doc, "", Limits{})
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	if parsed.Feed != f.Name || parsed.Title != f.Title {
		t.Errorf("the feed is %q, %q", parsed.Feed, parsed.Title)
	}
	return parsed
}

// member publishes an entry, as it were.
func member(e *Entry) *Member {
	at := time.Date(2026, 11, 28, 1, 2, 3, 456789000, time.UTC)
	return &Member{
		ID: 42, UUID: "01a22499-fe78-7337-a84d-8bcde95670a4", AtomID: e.ID, Title: e.Title, Absent: e.Absent, XML: e.XML,
		Published: at, Updated: at.Add(time.Hour), Edited: at.Add(2 * time.Hour),
	}
}

func TestAnArchiveGivesEveryEntryBackByteForByte(t *testing.T) {
	entries := map[string]*Entry{}
	for _, source := range []string{
		`<entry/>`,
		`<!-- before --><?pi x?><entry><title>allo</title></entry><!-- <entry> behind -->`,
		`<a:entry xmlns:a="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="http://example.org/"><a:id>urn:x:1</a:id><a:title type="html">&lt;b&gt;B</a:title></a:entry>`,
		`<entry xmlns="http://www.w3.org/2005/Atom"><x:y xmlns:x="urn:x"><!-- c --></x:y><author><name>N</name></author><content type="application/octet-stream">AAAA</content></entry>`,
	} {
		doc, err := Parse([]byte(source), "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		entries[source] = doc.Entries[0]
	}
	message, err := ComposeMessage("", &Message{Type: "application/json", Header: []Field{{"k", "v\x00"}}, Body: []byte(`{"a": 1}`)})
	if err != nil {
		t.Fatal(err)
	}
	entries["message"] = message
	files, err := filepath.Glob("testdata/accepted/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no documents")
	}
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil {
			if doc, err := Parse(b, "", Limits{}); err == nil && !doc.Batch {
				entries[name] = doc.Entries[0]
			}
		}
	}
	for name, e := range entries {
		want := member(e)
		got, _, err := Unkeep(archived(t, want).Entries[0])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		was := *want
		was.ID, was.Edited = 0, time.Time{} // which are given anew
		if diff := cmp.Diff(&was, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// An offset leads out of the years that can be written; the zero time stands for none.
func TestEveryDateThatIsTakenComesBackFromAnArchive(t *testing.T) {
	for date, taken := range map[string]bool{
		"9999-12-31T23:59:59-01:00":         false,
		"9999-12-31T23:59:60Z":              false,
		"9999-12-31T23:59:59.9999999Z":      true,
		"0000-01-01T00:00:00+01:00":         false,
		"0000-12-31T23:59:59Z":              false,
		"0001-01-01T00:00:00Z":              false,
		"0001-01-01T01:00:00.0000009+01:00": false,
		"0001-01-01T00:00:00.000001Z":       true,
		"0000-12-31T23:30:00-01:00":         true,
		"1970-01-01T00:00:00Z":              true,
	} {
		doc, err := Parse([]byte("<entry><published>"+date+"</published><updated>"+date+"</updated></entry>"), "", Limits{})
		if (err == nil) != taken {
			t.Errorf("%s is taken: %v, want %v", date, err, taken)
		}
		if err != nil {
			continue
		}
		want := member(doc.Entries[0])
		want.Published, want.Updated = doc.Entries[0].Published, doc.Entries[0].Updated.Truncate(time.Microsecond)
		got, _, err := Unkeep(archived(t, want).Entries[0])
		if err != nil {
			t.Errorf("%s: %v", date, err)
			continue
		}
		if !got.Updated.Equal(want.Updated) || got.Absent != want.Absent {
			t.Errorf("%s comes back as %v", date, got.Updated)
		}
	}
}

func TestAnArchiveNamesTheMediaOfALink(t *testing.T) {
	e, err := ComposeLink("a cat")
	if err != nil {
		t.Fatal(err)
	}
	m := member(e)
	m.Media = "image/png"
	got, sum, err := Unkeep(archived(t, m).Entries[0])
	if err != nil || got.Media != "image/png" || !cmp.Equal(sum, sumOf(m)) || got.Absent != m.Absent || !cmp.Equal(got.XML, m.XML) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnEntryThatWasChangedIsNotTakenForTheFormerOne(t *testing.T) {
	doc, err := Parse([]byte(`<entry><title>allo</title></entry>`), "", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e := archived(t, member(doc.Entries[0])).Entries[0]
	for i := range e.XML {
		changed := *e
		changed.XML = append([]byte{}, e.XML...)
		changed.XML[i] ^= 1
		again, err := Parse(changed.XML, "", Limits{})
		if err != nil {
			continue
		}
		if m, _, err := Unkeep(again.Entries[0]); err == nil && !cmp.Equal(m.XML, doc.Entries[0].XML) {
			t.Errorf("%s\nis taken for\n%s", changed.XML, m.XML)
		}
	}
	if _, _, err := Unkeep(doc.Entries[0]); !errors.Is(err, ErrNotKept) {
		t.Errorf("an entry of others: %v", err)
	}
}

// Whatever a document says, what is taken from it as an entry of ours is one that could have been posted.
func FuzzUnkeep(f *testing.F) {
	doc, err := Parse([]byte(`<!-- c --><entry><title>allo</title></entry>`), "", Limits{})
	if err != nil {
		f.Fatal(err)
	}
	m := member(doc.Entries[0])
	m.Media = "image/png"
	kept, err := AppendKept(nil, m, &Feed{Name: "x"}, "media/x", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(kept)
	f.Fuzz(func(t *testing.T, source []byte) {
		doc, err := Parse(source, "", Limits{})
		if err != nil {
			return
		}
		for _, e := range doc.Entries {
			m, _, err := Unkeep(e)
			if err != nil {
				continue
			}
			again, err := ParseFor(m, m.XML, "", Limits{})
			if err != nil || len(again.Entries) != 1 || again.Entries[0].Absent != m.Absent {
				t.Errorf("%q is taken: %+v, %v", m.XML, again, err)
			}
		}
	})
}

func TestAnArchiveCannotSayWhatNoEntryHas(t *testing.T) {
	doc, err := Parse([]byte(`<entry><title>allo</title></entry>`), "", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := AppendKept(nil, member(doc.Entries[0]), &Feed{Name: "x"}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for was, becomes := range map[string]string{
		` published="1795827723456789"`: ` published="9223372036854775807"`,
		` updated="1795831323456789"`:   ` updated="-9223372036854775808"`,
		` filled="`:                     ` filled="-`,
		` sha256=`:                      ` media="bm9uZQ==" sha256=`,
		` uuid="01a22499`:               ` uuid="../../..`,
	} {
		changed := strings.Replace(string(kept), was, becomes, 1)
		if changed == string(kept) {
			t.Errorf("%s is not in\n%s", was, kept)
			continue
		}
		parsed, err := Parse([]byte(changed), "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if m, _, err := Unkeep(parsed.Entries[0]); !errors.Is(err, ErrNotKept) {
			t.Errorf("with%s: %+v, %v", becomes, m, err)
		}
	}
}

// sumOf stands for the SHA-256 of what a member links to.
func sumOf(m *Member) []byte {
	if m.Media == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(m.UUID))
	return sum[:]
}
