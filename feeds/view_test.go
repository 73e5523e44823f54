package feeds

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func inspect(t *testing.T, doc string) *View {
	t.Helper()
	d, err := Parse([]byte(doc), "", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := Inspect(testMember(d.Entries[0]))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestInspectReadsWhatAPersonSees(t *testing.T) {
	got := inspect(t, `<a:entry xmlns:a="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="http://example.org/a/b">
<a:author><a:name> A
B </a:name><a:uri>c</a:uri><a:email>d@e</a:email></a:author><a:author><a:name/></a:author>
<a:source><a:author><a:name>not shown</a:name></a:author></a:source>
<a:summary type="html" xml:lang="en">&lt;b&gt;<![CDATA[<i>]]></a:summary>
<a:content src="?c&amp;d" type="image/png" xml:base="c/d"/>
<a:link href="x"/><a:link rel="http://www.iana.org/assignments/relation/related" type="text/html" title="T" href="y" length="7" xml:base="e/"/><a:link rel="edit" href="z"/>
<a:category term="t" scheme="s" label="l"/><a:category term="u"/><category term="foreign"/>
</a:entry>`)
	want := &View{
		Authors:    []Person{{"A B", "c", "d@e"}, {}},
		Summary:    Text{Type: "html", Body: []byte("<b><i>"), Lang: "en", Base: "http://example.org/a/b"},
		Content:    Text{Type: "image/png", Src: "?c&d", Lang: "de", Base: "http://example.org/a/c/d", Body: []byte{}},
		Links:      []Link{{Rel: "alternate", Href: "x", Base: "http://example.org/a/b"}, {Rel: "related", Href: "y", Type: "text/html", Title: "T", Length: "7", Base: "http://example.org/a/e/"}},
		Categories: []Category{{"t", "s", "l"}, {Term: "u"}},
		Lang:       "de",
		Base:       "http://example.org/a/b",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestInspectFallsBackToTheSourcesAuthors(t *testing.T) {
	v := inspect(t, `<entry><source><author><name>S</name></author></source></entry>`)
	if d := cmp.Diff([]Person{{Name: "S"}}, v.Authors); d != "" {
		t.Error(d)
	}
}

// A div taken out of an entry declares every namespace that its names use, and no other.
func TestInspectedMarkupStandsAlone(t *testing.T) {
	const root = `<entry xmlns="http://www.w3.org/2005/Atom" xmlns:h="http://www.w3.org/1999/xhtml" xmlns:u="urn:u?a&amp;b" xmlns:v="urn:v">`
	for in, want := range map[string]string{
		`<content type="xhtml"> <h:div>a<h:br/></h:div> </content>`:                                    `<h:div xmlns:h="http://www.w3.org/1999/xhtml">a<h:br/></h:div>`,
		`<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p u:a="b"/></div></content>`: `<div xmlns:u="urn:u?a&amp;b" xmlns="http://www.w3.org/1999/xhtml"><p u:a="b"/></div>`,
		`<content type="text/xml"> PGEv&#10; Pg== </content>`:                                          `<a/>`,
		`<content type="text/xml"/>`:                                                                   ``,
	} {
		v := inspect(t, root+in+"</entry>")
		if string(v.Content.Body) != want {
			t.Errorf("%s\ngives %s\nnot   %s", in, v.Content.Body, want)
		}
	}
}

// A document taken out of an entry may use prefixes in values, too.
func TestInspectedXMLDeclaresThePrefixesAroundIt(t *testing.T) {
	const (
		root = `<a:entry xmlns="urn:d" xmlns:a="http://www.w3.org/2005/Atom" xmlns:u="urn:u?a&amp;b" xmlns:xs="urn:xs"><a:content type="TEXT/XML">`
		u    = ` xmlns:u="urn:u?a&amp;b"`
		xs   = ` xmlns:xs="urn:xs"`
	)
	for in, want := range map[string]string{
		`<n xmlns="" u:type="xs:int"/>`:                  `<n` + u + xs + ` xmlns="" u:type="xs:int"/>`,
		`<title/>`:                                       `<title xmlns="urn:d"` + u + xs + `/>`,
		`<a:title/>`:                                     `<a:title xmlns:a="http://www.w3.org/2005/Atom"` + u + xs + `/>`,
		`<u:a xmlns:u="urn:own"/>`:                       `<u:a` + xs + ` xmlns:u="urn:own"/>`,
		`<u:a><u:b xmlns:u="urn:own"/></u:a>`:            `<u:a` + u + xs + `><u:b xmlns:u="urn:own"/></u:a>`,
		`<!-- a:c --><u:a xml:lang="en" b="c"/><?p?>`:    `<!-- a:c --><u:a` + u + xs + ` xml:lang="en" b="c"/><?p?>`,
		`<a xmlns="" xmlns:u="urn:1" xmlns:xs="urn:2"/>`: `<a xmlns="" xmlns:u="urn:1" xmlns:xs="urn:2"/>`,
	} {
		v := inspect(t, root+in+"</a:content></a:entry>")
		if string(v.Content.Body) != want {
			t.Errorf("%s\ngives %s\nnot   %s", in, v.Content.Body, want)
		}
	}
}

func TestInspectKeepsNothingOfADeletedEntry(t *testing.T) {
	if v, err := Inspect(&Member{Deleted: true}); err == nil {
		t.Errorf("%+v", v)
	}
}

func TestReferencesAreResolvedAgainstABase(t *testing.T) {
	for _, test := range [][3]string{
		{"http://e/a/b", "c", "http://e/a/c"},
		{"http://e/a/b", "../c?d", "http://e/c?d"},
		{"http://e/a/b", "", "http://e/a/b"},
		{"http://e/a", "urn:x", "urn:x"},
		{"", "a", "a"},
		{"../a/b?c#d", "e", "../a/e"},
		{"a/", "", "a/"},
		{"a/b", "/c", "/c"},
		{"a/b", "//h/c", "//h/c"},
		{"a/b?c", "#d", "a/b?c#d"},
		{"a", "b", "b"},
		{"%zz", "b", "b"},
		{"http://e/", "%zz", "http://e/%zz"},
		{"http://e/%zz/", "b", "http://e/%zz/b"},
		{"http://e/ü/", "a", "http://e/ü/a"},
		{"http://e", "a", "http://e/a"},
		{"http://e/a?b", "#c", "http://e/a?b#c"},
		{"mailto:x", "#f", "mailto:x#f"},
		{"a/b", "../c", "a/../c"},
		{"a/b", "?q", "a/b?q"},
		{"//h/a", "b", "//h/b"},
	} {
		if got := resolve(test[0], test[1]); got != test[2] {
			t.Errorf("%q against %q is %q, not %q", test[1], test[0], got, test[2])
		}
	}
}
