package feeds

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messages are what STOMP clients send, and what becomes of it.
var messages = map[string]struct {
	msg     Message
	title   string
	content string // type of atom:content, "" for none; its decoded body is the message's
}{
	"text":             {Message{Body: []byte("All's well & <good>.\r\n\tHello ]]> \n")}, "All's well & <good>.", "text"},
	"text-plain":       {Message{Type: "text/plain", Body: []byte("a")}, "a", "text"},
	"text-charset":     {Message{Type: "text/plain;charset=UTF-8", Body: []byte("é")}, "é", "text"},
	"text-latin1":      {Message{Type: "text/plain; charset=ISO-8859-1", Body: []byte("a\xe9")}, "a", "application/octet-stream"},
	"text-latin1-7bit": {Message{Type: "text/plain; charset=ISO-8859-1", Body: []byte("a")}, "a", "text"},
	"text-mojibake":    {Message{Type: "text/plain; charset=ISO-8859-1", Body: []byte("é")}, "é", "application/octet-stream"},
	"text-utf16":       {Message{Type: "text/plain; charset=UTF-16BE", Body: []byte("N-")}, "N-", "application/octet-stream"},
	"text-control":     {Message{Type: "text/plain", Body: []byte("a\x00b\nc")}, "ab", "application/octet-stream"},
	"text-csv":         {Message{Type: `text/csv; header="present"`, Body: []byte("a,b\r\n1,2")}, "a,b", `text/csv; header="present"`},
	"no-media-type":    {Message{Type: "text", Body: []byte("a")}, "a", "text"},
	"no-type-at-all":   {Message{Type: "\x00\r\n\xff", Body: []byte("a")}, "a", "text"},
	"bad-parameter":    {Message{Type: "text/csv; a=\"\x01\"", Body: []byte("a")}, "a", "text"},
	"html":             {Message{Type: "text/html; charset=utf-8", Body: []byte("<h1>A &amp; b</h1>\r<br>")}, "A & b", "html"},
	"html-fragment":    {Message{Type: "text/html", Body: []byte("<p>x")}, "x", "html"},
	"json":             {Message{Type: "application/json", Body: []byte("{\r\n \"subject\": \"s\"}")}, "s", "text"},
	"json-suffix":      {Message{Type: "model/gltf+json; a=b", Body: []byte(`[1, 2]`)}, "[1,2]", "text"},
	"json-latin1":      {Message{Type: "application/json", Body: []byte("\"\xe9\"")}, `""`, "application/json"},
	"xml":              {Message{Type: "application/xml", Body: []byte("<!-- c -->\n<a xmlns:b='urn:b' c = \"\n\"><b:c/>&#13;</a>\n")}, "application/xml", "application/xml"},
	"xml-default":      {Message{Type: "image/svg+xml", Body: []byte(`<svg xmlns="http://www.w3.org/2000/svg"><entry/></svg>`)}, "image/svg+xml", "image/svg+xml"},
	"xml-declared":     {Message{Type: "text/xml", Body: []byte("<?xml version='1.0'?>\n<a/>")}, "<?xml version='1.0'?>", "text"},
	"xml-doctype":      {Message{Type: "text/xml", Body: []byte("<!DOCTYPE a><a/>")}, "<!DOCTYPE a><a/>", "text"},
	"xml-crlf":         {Message{Type: "text/xml", Body: []byte("<a>\r\n</a>")}, "<a>", "text"},
	"xml-prefix":       {Message{Type: "text/xml", Body: []byte("<atom:a/>")}, "<atom:a/>", "text"},
	"xml-escape":       {Message{Type: "text/xml", Body: []byte("</atom:content><a/>")}, "</atom:content><a/>", "text"},
	"xml-latin1":       {Message{Type: "text/xml; charset=latin1", Body: []byte("<a>é</a>")}, "<a>é</a>", "application/octet-stream"},
	"xml-none":         {Message{Type: "text/xml", Body: []byte("hello")}, "hello", "text"},
	"xml-binary":       {Message{Type: "text/xml", Body: []byte("\x01")}, "", "application/octet-stream"},
	"xml-only-comment": {Message{Type: "text/xml", Body: []byte("<!-- -->")}, "<!-- -->", "text"},
	"image":            {Message{Type: "image/png", Body: []byte("\x89PNG\r\n\x1a\n")}, "image/png", "image/png"},
	"image-of-text":    {Message{Type: "image/x-portable-bitmap", Body: []byte("P1\n")}, "image/x-portable-bitmap", "image/x-portable-bitmap"},
	"octets":           {Message{Type: "application/octet-stream", Body: []byte("\x00")}, "application/octet-stream", "application/octet-stream"},
	"octets-of-text":   {Message{Type: "application/octet-stream", Body: []byte("a")}, "a", "text"},
	"protobuf":         {Message{Type: "application/x-protobuf; v=1", Body: []byte("\n\x05hello")}, "application/x-protobuf; v=1", "application/x-protobuf; v=1"},
	"untyped-binary":   {Message{Body: []byte("\x89PNG\xff")}, "application/octet-stream", "application/octet-stream"},
	"form":             {Message{Type: "application/x-www-form-urlencoded", Body: []byte("a=b&c")}, "a=b&c", "text"},
	"multipart":        {Message{Type: "multipart/mixed; boundary=x", Body: []byte("--x--")}, "--x--", "text"},
	"multipart-binary": {Message{Type: "multipart/mixed; boundary=x", Body: []byte("\x00")}, "application/octet-stream", "application/octet-stream"},
	"mail":             {Message{Type: "message/rfc822", Body: []byte("To: x\r\n\r\n")}, "To: x", "text"},
	"empty":            {Message{}, "", ""},
	"empty-image":      {Message{Type: "image/png"}, "image/png", ""},
	"headers": {Message{Type: "text/plain", Body: []byte("x"), Header: []Field{
		{"foo", "bar"}, {"foo", " again "}, {"", ""}, {"a<&>\"' \t\r\n]]>", "b<&>\"' \t\r\n]]>\r"},
		{"\x00", "v"}, {"n", "\x01"}, {"\xff", "\xfe"}, {"é\u2028\x85", "\U0001f388\ufffd\ufffe"}, {"content-type", "text/html"},
	}}, "x", "text"},
	"title": {Message{Body: []byte("x"), Header: []Field{{"title", " \n"}, {"title", " A\x00 \v <b>\tc\u00a0"}, {"title", "second"}}}, "A <b> c", "text"},
}

// exactly compares messages: a header and a body that is missing is empty.
var exactly = cmp.Options{cmp.Comparer(bytes.Equal), cmp.Comparer(slices.Equal[[]Field])}

// entryOf composes the entry of m.
func entryOf(tb testing.TB, m *Message) *Entry {
	tb.Helper()
	e, err := ComposeMessage("", m)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func TestMessageComesBackByteForByte(t *testing.T) {
	for name, test := range messages {
		t.Run(name, func(t *testing.T) {
			checkMessage(t, entryOf(t, &test.msg), &test.msg)
		})
	}
}

func TestMessageReadsWellOverHTTP(t *testing.T) {
	for name, test := range messages {
		t.Run(name, func(t *testing.T) {
			e := entryOf(t, &test.msg)
			v, err := Inspect(testMember(e))
			if err != nil {
				t.Fatal(err)
			}
			if e.Title != test.title || v.Content.Type != test.content {
				t.Errorf("title %q, not %q; content %q, not %q", e.Title, test.title, v.Content.Type, test.content)
			}
			if !bytes.Equal(v.Content.Body, test.msg.Body) {
				t.Errorf("content %q, not %q", v.Content.Body, test.msg.Body)
			}
		})
	}
}

// The entry of a message is the one that Parse makes of its XML, and keeps its form.
func TestMessageIsAnEntryThatParseTakes(t *testing.T) {
	for name, test := range messages {
		t.Run(name, func(t *testing.T) {
			checkEntry(t, entryOf(t, &test.msg))
		})
	}
}

// One of each kind is kept, so that what is written once stays readable, and goes through all
// tests of accepted documents.
func TestMessageKeepsItsLayout(t *testing.T) {
	for _, name := range []string{"text", "html", "text-csv", "json", "xml", "image", "empty", "headers", "no-type-at-all"} {
		msg := messages[name].msg
		golden(t, filepath.Join("accepted", "message-"+name+".xml"), entryOf(t, &msg).XML)
	}
}

const (
	editedStart = messageStart + "<title>t</title>" + messageOpen
	editedJSON  = editedStart + ` content-type="application/json"><stomp:header name="a">b</stomp:header></stomp:message>`
)

var (
	ab       = []Field{{"a", "b"}}
	received = testTime.Format("2006-01-02T15:04:05.000000Z")
	byServer = []Field{{"atom-id", "urn:uuid:6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f11"}, {"published", received}, {"updated", received}}
)

// edited are entries that HTTP clients made of composed ones, and what is received then.
var edited = map[string]struct {
	doc  string
	want Message
}{
	"new text":      {editedJSON + "<content type=\"text\">a&#13;\r\nb</content></entry>", Message{"application/json", ab, []byte("a\r\nb")}},
	"text, untyped": {editedJSON + "<content>a</content></entry>", Message{"application/json", ab, []byte("a")}},
	"in pieces":     {editedJSON + `<content type="text">a<!-- b -->c<![CDATA[&]]></content></entry>`, Message{"application/json", ab, []byte("ac&")}},
	"now base64":    {editedJSON + `<content type="application/json">e3 0=</content></entry>`, Message{"application/json", ab, []byte("{}")}},
	"now octets":    {editedJSON + `<content type="application/octet-stream">e30=</content></entry>`, Message{"application/json", ab, []byte("{}")}},
	"now html":      {editedJSON + `<content type="html">&lt;p></content></entry>`, Message{"text/html", ab, []byte("<p>")}},
	"now xhtml":     {editedJSON + `<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"/></content></entry>`, Message{"application/xhtml+xml", ab, []byte(`<div xmlns="http://www.w3.org/1999/xhtml"/>`)}},
	"now an image":  {editedJSON + `<content type="image/png">AA==</content></entry>`, Message{"image/png", ab, []byte{0}}},
	"now XML":       {editedJSON + `<content type="text/xml"><a xmlns=""/></content></entry>`, Message{"text/xml", ab, []byte(`<a xmlns=""/>`)}},
	"now elsewhere": {editedJSON + `<content type="text/html" src="../x?a&amp;b"/></entry>`, Message{"text/html", append(ab[:1:1], Field{"content-src", "../x?a&b"}), nil}},
	"no content":    {editedJSON + `</entry>`, Message{"application/json", ab, nil}},
	"only summary":  {editedJSON + `<summary type="html">&lt;p></summary></entry>`, Message{"text/html", ab, []byte("<p>")}},
	"with an author": {
		editedJSON + `<content type="text">a</content><author><name>A</name></author></entry>`, Message{"application/json", ab, []byte("a")},
	},
	"second message": {
		editedJSON + `<content type="text">a</content><stomp:message xmlns:stomp="urn:atommq:stomp" content-type="b"/></entry>`, Message{"application/json", ab, []byte("a")},
	},
	"html that stays": {
		editedStart + ` content-type="text/html; charset=utf-8"></stomp:message><content type="html">&lt;p></content></entry>`, Message{"text/html; charset=utf-8", nil, []byte("<p>")},
	},
	"html that came": {
		editedStart + `></stomp:message><content type="html">&lt;p></content></entry>`, Message{"text/html", nil, []byte("<p>")},
	},
	"other prefixes": {
		`<a:entry xmlns:a="http://www.w3.org/2005/Atom" xmlns:s="urn:atommq:stomp">
 <s:message content-type=' x	y '>
  <s:header base64='name value' name="QQ=="> Yg== </s:header><s:header name='c'><!-- -->d<![CDATA[<e>]]><x>f</x></s:header> text <x><s:header name="y"/></x><header/>
 </s:message><a:content>g</a:content></a:entry>`, Message{" x y ", []Field{{"A", "b"}, {"c", "d<e>f"}}, []byte("g")},
	},
	"no base64": {
		editedStart + ` content-type="?" base64="content-type"><stomp:header name="?" base64="name value x">?</stomp:header></stomp:message></entry>`,
		Message{"?", []Field{{"?", "?"}}, nil},
	},
	"not a child of the entry": {
		`<entry><x>` + messageOpen + `/></x><content>a</content></entry>`, Message{"text/plain", byServer, []byte("a")},
	},
}

func TestEditedMessageKeepsItsHeaders(t *testing.T) {
	for name, test := range edited {
		t.Run(name, func(t *testing.T) {
			d, err := Parse([]byte(test.doc), "", Limits{})
			if err != nil {
				t.Fatal(err)
			}
			compareReaders(t, d.Entries[0])
			checkMessage(t, d.Entries[0], &test.want)
		})
	}
}

func checkMessage(t *testing.T, e *Entry, want *Message) {
	t.Helper()
	got, err := MessageOf(testMember(e))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, exactly); d != "" {
		t.Errorf("-want +received:\n%s\n%.1000s", d, e.XML)
	}
}

func TestAtomEntryIsReceivedAsAMessage(t *testing.T) {
	for name, test := range map[string]struct {
		doc    string // within the entry
		typ    string
		body   string
		header []Field // before the server's
		src    string  // the header content-src, behind them
	}{
		"nothing":   {"", "", "", nil, ""},
		"text":      {"<content> a\n</content>", "text/plain", " a\n", nil, ""},
		"html":      {`<content type="html">&lt;p></content>`, "text/html", "<p>", nil, ""},
		"xhtml":     {`<content type="xhtml"> <h:div xmlns:h="http://www.w3.org/1999/xhtml">a</h:div></content>`, "application/xhtml+xml", `<h:div xmlns:h="http://www.w3.org/1999/xhtml">a</h:div>`, nil, ""},
		"XML":       {`<content type="image/svg+xml"><svg/></content>`, "image/svg+xml", `<svg xmlns="http://www.w3.org/2005/Atom"/>`, nil, ""},
		"csv":       {`<content type="text/csv">a,b</content>`, "text/csv", "a,b", nil, ""},
		"base64":    {`<content type="image/png"> AA= = </content>`, "image/png", "\x00", nil, ""},
		"elsewhere": {`<content src="b" xml:base="http://e/a" type="image/png"/><summary>s</summary>`, "image/png", "", []Field{{"summary", "s"}}, "http://e/b"},
		"untyped":   {`<content src="http://e/"/>`, "", "", nil, "http://e/"},
		"summary":   {`<summary type="html">&lt;p></summary>`, "text/html", "<p>", nil, ""},
		"everything": {
			`<title type="html"> A &lt;b>
b</title><author><name>A
B</name><uri>http://e/a</uri><email>a@e</email></author><author><name>C</name></author><summary type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>a</p>
<p>b</p></div></summary><category term="x"/><category term="y, z"/><link rel="related" href="r"/><link href="/l?a&amp;b"/><link href="m"/><content>c</content>`,
			"text/plain", "c", []Field{
				{"title", "A b"}, {"author", "A B"}, {"author-email", "a@e"}, {"author-uri", "http://e/a"}, {"summary", "a b"},
				{"category", "x,y, z"}, {"link", "http://e/l?a&b"},
			}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Parse([]byte(`<entry xml:base="http://e/x/">`+test.doc+"</entry>"), "", Limits{})
			if err != nil {
				t.Fatal(err)
			}
			want := &Message{Type: test.typ, Header: append(test.header, byServer...), Body: []byte(test.body)}
			want.add("content-src", test.src)
			checkMessage(t, d.Entries[0], want)
		})
	}
}

func TestMessageOfATombstoneIsNone(t *testing.T) {
	if m, err := MessageOf(&Member{Deleted: true}); err == nil {
		t.Errorf("%+v", m)
	}
}

func TestMessageTakesTheTitleItIsGiven(t *testing.T) {
	m := &Message{Header: []Field{{"title", "header"}}, Body: []byte("body")}
	for given, want := range map[string]string{
		"given":                  "given",
		" a\r\n b\x00":           "a b",
		"":                       "header",
		"\x00":                   "body",
		strings.Repeat("x", 100): strings.Repeat("x", 100),
	} {
		if e, err := ComposeMessage(given, m); err != nil || e.Title != want {
			t.Errorf("%q: %q, not %q; %v", given, e.Title, want, err)
		}
	}
}
