package feeds

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestComposeCarriesContentExactly(t *testing.T) {
	for name, test := range map[string]struct {
		note Note
		want string // of XML, within its root
		back string // the content's type; its bytes are those of the note
	}{
		"text": {
			Note{Type: "text", Content: []byte("a\r\nb\t<x> & ]]>")},
			"<title>a</title><content type=\"text\">a&#13;\nb\t&lt;x&gt; &amp; ]]&gt;</content>", "text",
		},
		"no type": {Note{Content: []byte("a")}, `<title>a</title><content type="text">a</content>`, "text"},
		"html": {
			Note{Type: "html", Content: []byte("\n<h1>A <b>b</b></h1>\n<p>c&nbsp;d")},
			"<title>A b</title><content type=\"html\">\n&lt;h1&gt;A &lt;b&gt;b&lt;/b&gt;&lt;/h1&gt;\n&lt;p&gt;c&amp;nbsp;d</content>", "html",
		},
		"text media": {
			Note{Type: "text/csv; header=present", Content: []byte("a,b\n1,2")},
			"<title>a,b</title><content type=\"text/csv; header=present\">a,b\n1,2</content>", "text/csv; header=present",
		},
		"text that XML cannot carry": {
			Note{Type: "text", Content: []byte("a\x00")},
			`<title>a</title><content type="application/octet-stream">YQA=</content>`, "application/octet-stream",
		},
		"text that is not UTF-8": {
			Note{Type: "text/plain", Title: "t", Content: []byte("\xff")},
			`<title>t</title><content type="application/octet-stream">/w==</content>`, "application/octet-stream",
		},
		"JSON": {
			Note{Type: "application/json", Content: []byte("{\n  \"a\": 1\n}")},
			`<title>{"a":1}</title><summary>{ "a": 1 }</summary><content type="application/json">ewogICJhIjogMQp9</content>`, "application/json",
		},
		"JSON with a summary": {
			Note{Type: "application/ld+json", Title: "t", Summary: "s", Content: []byte("{}")},
			`<title>t</title><summary>s</summary><content type="application/ld+json">e30=</content>`, "application/ld+json",
		},
		"media": {
			Note{Type: "image/png", Content: []byte("\x89PNG")},
			`<title>image/png</title><content type="image/png">iVBORw==</content>`, "image/png",
		},
		"XML": {
			Note{Type: "application/xml", Content: []byte("<!-- c -->\n<a xmlns:b='urn:b'><b:c/></a>\n")},
			"<title>application/xml</title><content type=\"application/xml\"><!-- c -->\n<a xmlns:b='urn:b'><b:c/></a>\n</content>", "application/xml",
		},
		"XML with a DOCTYPE": {
			Note{Type: "text/xml", Content: []byte("<!DOCTYPE a><a/>")},
			`<title>text/xml</title><content type="text/xml">PCFET0NUWVBFIGE+PGEvPg==</content>`, "text/xml",
		},
		"XML that is none": {
			Note{Type: "image/svg+xml", Content: []byte("<svg>")},
			`<title>image/svg+xml</title><content type="image/svg+xml">PHN2Zz4=</content>`, "image/svg+xml",
		},
		"nothing": {Note{}, "<title></title>", ""},
		"everything": {
			Note{
				Title: "T & t", Author: Person{"A", "urn:a", "a@example.org"}, Type: "text", Content: []byte("x"),
				Summary: "s\x01", Category: []string{"a", `"b"`}, Link: "https://example.org/?a&b",
			},
			"<title>T &amp; t</title><author><name>A</name><uri>urn:a</uri><email>a@example.org</email></author>" +
				`<category term="a"/><category term="&#34;b&#34;"/><link rel="alternate" href="https://example.org/?a&amp;b"/>` +
				"<summary>s\ufffd</summary><content type=\"text\">x</content>", "text",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Compose(test.note)
			if err != nil {
				t.Fatal(err)
			}
			inner := strings.NewReplacer("<atom:", "<", "</atom:", "</").Replace(string(e.XML))
			_, inner, _ = strings.Cut(inner, `Atom">`)
			if d := cmp.Diff(test.want+"</entry>", inner); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			v, err := Inspect(testMember(e))
			if err != nil {
				t.Fatal(err)
			}
			if v.Content.Type != test.back || string(v.Content.Body) != string(test.note.Content) {
				t.Errorf("came back as %q: %q", v.Content.Type, v.Content.Body)
			}
		})
	}
}

func TestComposeDropsTheXMLDeclaration(t *testing.T) {
	e, err := Compose(Note{Type: "text/xml", Content: []byte("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>")})
	if err != nil {
		t.Fatal(err)
	}
	v, err := Inspect(testMember(e))
	if err != nil || string(v.Content.Body) != "<a>é</a>" {
		t.Errorf("%q %v", v.Content.Body, err)
	}
}

func TestComposedTitleIsTheFirstLineCut(t *testing.T) {
	long := strings.Repeat("é", 81)
	for content, want := range map[string]string{
		" \n\t one  two\r\nthree": "one two",
		long:                      long[:79*len("é")] + "…",
		long[:80*len("é")]:        long[:80*len("é")],
		strings.Repeat("\n", 9):   "",
	} {
		e, err := Compose(Note{Type: "text", Content: []byte(content)})
		if err != nil || e.Title != want {
			t.Errorf("%q: title %q, %v", content, e.Title, err)
		}
	}
}

func TestComposedTitleOfHTMLHasNoCode(t *testing.T) {
	for content, want := range map[string]string{
		`<script>document.title="owned"</script><p>hello`:                      "hello",
		"<STYLE type='text/css'>p { color: red }</STYLE >\n<h1>A &amp; b</h1>": "A & b",
		`a<script src="x"/>b`:                          "a",
		"<script>if (a</b) c</script>d":                "d",
		"<style>p{}<b>x":                               "",
		"<scripture>kept</scripture><styled>too":       "kept too",
		"<html><head><title>T</title><script>x":        "T",
		strings.Repeat("<script>x</script>", 1e5) + "": "",
	} {
		for _, typ := range []string{"html", "text/html"} {
			e, err := Compose(Note{Type: typ, Content: []byte(content)})
			if err != nil || e.Title != want {
				t.Errorf("%s %.40q: title %q, want %q, %v", typ, content, e.Title, want, err)
			}
		}
	}
}

func TestComposedTitleOfJSONIsWhatItCallsItselfOrItsBeginning(t *testing.T) {
	for content, want := range map[string]string{
		`{"title": "The title", "name": "n"}`:                            "The title",
		`{"name": "n", "subject": "s", "title": "The\n title"}`:          "The title",
		`{"subject": "s", "a": {"title": "inner"}, "name": "n"}`:         "n",
		`{"a": [{"title": "inner"}, []], "subject": "s"}`:                "s",
		`{"title": " ", "name": "n"}`:                                    "n",
		`{"name": "n", "a": "` + strings.Repeat("x", 5000) + `"}`:        "n",
		`{"title": "a\u0000b\ud800"}`:                                    "ab",
		`{"title": "` + strings.Repeat("x", 100) + `", "name": "short"}`: strings.Repeat("x", 79) + "…",

		`{"a": "\"title", "title\n": "\"", "name": "\u006e\""`: `n"`,
		`{"a": "title", "b": {"name": "inner`:                  `{"a":"title","b":{"name":"inner`,
		`{"name": "n", "name`:                                  "n",
		`{"name": "\x"}`:                                       `{"name":"\x"}`,

		"{\n\t\"a\": \"a title\",\r\n \"b\": [1, 2] }":               `{"a":"a title","b":[1,2]}`,
		`{"title": 1, "name": null, "subject": ["s"]}`:               `{"title":1,"name":null,"subject":["s"]}`,
		`["a \" b", " \\ ", 1]`:                                      `["a \" b"," \\ ",1]`,
		`"title"`:                                                    `"title"`,
		`{"a": "` + strings.Repeat("x", 5000) + `", "title": "far"}`: `{"a":"` + strings.Repeat("x", 53) + "…",
		strings.Repeat("[", 5000) + strings.Repeat("]", 5000):        strings.Repeat("[", 59) + "…",
		strings.Repeat(" ", 5000) + "1":                              "application/json",
	} {
		e, err := Compose(Note{Type: "application/json", Content: []byte(content)})
		if err != nil || e.Title != want {
			t.Errorf("%.60s: title %q, want %q, %v", content, e.Title, want, err)
		}
	}
}

func TestComposeRefusesWhatContentMayNotBe(t *testing.T) {
	for _, typ := range []string{"multipart/form-data; boundary=x", "message/rfc822", "a", "a/b/c", "\x00"} {
		var refused *NoteError
		if _, err := Compose(Note{Type: typ, Content: []byte("x")}); !errors.As(err, &refused) || strings.Contains(err.Error(), "line") {
			t.Errorf("%q: %v", typ, err)
		}
	}
	var limit *LimitError
	if _, err := Compose(Note{Content: make([]byte, maxRun)}); !errors.As(err, &limit) {
		t.Error(err)
	}
}
