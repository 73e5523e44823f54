package feeds

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"weak"
)

func parseOne(t *testing.T, doc string) *Entry {
	t.Helper()
	d, err := Parse([]byte(doc), "", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Entries[0]
}

// The value goes in with its own quotes, whatever those of the entry were.
func TestABaseInAnyQuotesIsRebased(t *testing.T) {
	for _, quote := range []string{`"`, `'`} {
		e := parseOne(t, `<feed xml:base="http://e/it's/"><entry xml:base=`+quote+"x"+quote+`/></feed>`)
		if _, err := Parse(e.XML, "", Limits{}); err != nil {
			t.Errorf("%v: %s", err, e.XML)
		}
		if !strings.Contains(string(e.XML), ` xml:base="http://e/it's/x"`) {
			t.Errorf("%s", e.XML)
		}
	}
}

func TestAnInheritedAuthorKeepsTheMeaningOfItsURI(t *testing.T) {
	for author, want := range map[string]string{
		`<author xml:base="http://a/"><name>n</name><uri>me</uri></author>`:                   "http://a/me",
		`<author xml:base="g/"><name>n</name><uri>me</uri></author>`:                          "http://e/f/g/me",
		`<author xml:base="g/"><name>n</name><uri xml:base="../h/"> me </uri></author>`:       "http://e/f/h/me",
		`<author><name xml:base="http://other/">n</name><uri xml:lang="en">me</uri></author>`: "http://e/f/me",
	} {
		e := parseOne(t, `<feed xml:base="http://e/f/">`+author+`<entry xml:base="http://x/"/></feed>`)
		v, err := Inspect(testMember(e))
		if err != nil || len(v.Authors) != 1 || v.Authors[0].URI != want {
			t.Errorf("%s: %+v %v", author, v, err)
		}
	}
}

// A page shares one dictionary of names and one window on what was read.
func TestLibxml2ReadsAPageOfWhatEachEntryMayHold(t *testing.T) {
	xmllint := tool(t, "xmllint", "libxml2-utils")
	const pageBytes = 8 << 20 // after which the bus ends a page
	for name, entry := range map[string]func(i, size int) string{
		"names": func(i, size int) string {
			var b strings.Builder
			for n := 0; b.Len() < size; n++ {
				fmt.Fprintf(&b, "<x%d-%d-%s/>", i, n, strings.Repeat("a", 900))
			}
			return b.String()
		},
		"large tags": func(_, size int) string {
			return strings.Repeat(`<x a="`+strings.Repeat("x", 3991)+`"/>`, size/4000)
		},
	} {
		var entries []*Entry
		for i, size := range []int{1 << 20, pageBytes - 1<<20 - 1<<10, 9_400_000} {
			entries = append(entries, parseOne(t, "<entry>"+entry(i, size)+"</entry>"))
		}
		file := filepath.Join(t.TempDir(), "page.xml")
		if err := os.WriteFile(file, page(entries), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(xmllint, "--noout", "--nonet", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %.200s", name, err, out)
		}
	}
}

// A kept entry holds no memory that is not its own.
func TestAnEntryLetsGoOfWhatStandsAroundIt(t *testing.T) {
	const entry = `<entry xmlns="http://www.w3.org/2005/Atom"><title>x</title></entry>`
	space := strings.Repeat(" ", 1<<20)
	for name, posted := range map[string]string{
		"white space": entry + space,
		"feed":        "<feed xmlns='http://www.w3.org/2005/Atom'>" + space + entry + "</feed>",
		"edited":      "<entry/>" + space,
	} {
		doc := []byte(posted)
		whole := weak.Make(&doc[0])
		d, err := Parse(doc, "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		if whole.Value() != nil {
			t.Errorf("%s: %d bytes keep %d", name, len(d.Entries[0].XML), len(posted))
		}
		runtime.KeepAlive(d)
	}
}

// RFC 4287 §4.2.10: an entry without rights has those of its feed.
func TestAnEntryKeepsTheRightsOfItsFeed(t *testing.T) {
	const inSource, own = `<source><rights>S</rights></source>`, `<rights>B</rights>`
	for _, test := range []struct{ feed, rights, entry, want string }{
		{"", `<rights>© A &amp; B</rights>`, `<entry/>`, `<rights>© A &amp; B</rights>`},
		{"", `<rights type="text"><![CDATA[<A>]]></rights>`, `<entry/>`, `<rights>&lt;A&gt;</rights>`},
		{"", `<rights>A</rights>`, `<a:entry xmlns:a="` + NamespaceAtom + `"/>`, `<a:rights>A</a:rights>`},
		{` xml:lang="de"`, `<rights>A</rights>`, `<entry xml:lang="en"/>`, `<rights xml:lang="de">A</rights>`},
		{
			` xml:base="http://e/f/"`, `<rights type="html" xml:base="g/">&lt;a href="l">A&lt;/a></rights>`, `<entry xml:base="http://x/"/>`,
			`<rights type="html" xml:base="http://e/f/g/">&lt;a href="l"&gt;A&lt;/a&gt;</rights>`,
		},
		{
			` xml:base="http://e/f/" xmlns:h="` + NamespaceXHTML + `"`, `<rights type="xhtml"><h:div>© <h:a href="l">A</h:a></h:div></rights>`, `<entry/>`,
			`<rights type="html">© &lt;a href="http://e/f/l"&gt;A&lt;/a&gt;</rights>`,
		},
		{
			` xml:base="f/"`, `<rights type="html">&lt;a href="l">A&lt;/a></rights>`, `<entry/>`,
			`<rights type="html">&lt;a href="l"&gt;A&lt;/a&gt;</rights>`,
		},
		{"", `<rights>A</rights>`, `<entry>` + own + `</entry>`, own},
		{"", `<rights>A</rights>`, `<entry>` + inSource + `</entry>`, inSource},
		{"", `<rights>A</rights>`, `<entry>` + inSource + own + `</entry>`, inSource + own},
		{"", ``, `<entry/>`, ``},
	} {
		for _, parts := range []string{test.rights + test.entry, test.entry + test.rights} {
			e := parseOne(t, "<feed"+test.feed+">"+parts+"</feed>")
			_, inner := rootTag(e.XML)
			got := string(e.XML[inner:bytes.LastIndexByte(e.XML, '<')])
			if _, err := Parse(e.XML, "", Limits{}); err != nil || got != test.want {
				t.Errorf("of %s there is %s, %v; want %s", parts, got, err, test.want)
			}
		}
	}
}

// A publisher who means to delete an entry (RFC 6721) is told that it is not done so; a document of
// others that is imported may tell what was deleted there.
func TestATombstoneIsNotPassedOverInABatch(t *testing.T) {
	doc := []byte(`<feed xmlns="` + NamespaceAtom + `"><at:deleted-entry xmlns:at="` + NamespaceTombstone + `" ref="urn:x" when="2026-01-31T12:00:00Z"/><entry/></feed>`)
	if _, err := Parse(doc, "", Limits{}); err == nil || !strings.Contains(err.Error(), "DELETE") {
		t.Errorf("a batch: %v", err)
	}
	if d, err := Parse(doc, "", Limits{Archive: true}); err != nil || len(d.Entries) != 1 {
		t.Errorf("an archive: %+v, %v", d, err)
	}
}
