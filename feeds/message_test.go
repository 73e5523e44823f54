package feeds

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
			e := entryOf(t, &test.msg)
			got, err := MessageOf(testMember(e))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&test.msg, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("-sent +received:\n%s\n%s", d, e.XML)
			}
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
