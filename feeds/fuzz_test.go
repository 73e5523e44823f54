package feeds

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// What Parse accepts reads the same again, whatever was posted.
func FuzzParse(f *testing.F) {
	for _, dir := range []string{"accepted", "refused", "bench"} {
		for _, doc := range documents(f, dir) {
			f.Add(doc)
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		posted := bytes.Clone(doc)
		d, err := Parse(doc, "", Limits{})
		if !bytes.Equal(doc, posted) {
			t.Fatal("the posted bytes were changed")
		}
		if err != nil {
			checkError(t, err)
			return
		}
		if !LooksLikeAtom(doc) {
			t.Error("an Atom document does not look like one")
		}
		for _, e := range d.Entries {
			checkEntry(t, e)
		}
		b, err := Parse(page(d.Entries), "", Limits{})
		if err != nil || len(b.Entries) != len(d.Entries) {
			t.Fatalf("in a feed: %d entries, not %d: %v\n%s", len(b.Entries), len(d.Entries), err, page(d.Entries))
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var s *SyntaxError
	var l *LimitError
	var e *EncodingError
	switch {
	case errors.As(err, &s):
		if s.Line < 1 || s.Column < 1 || s.Reason == "" || !utf8.ValidString(s.Reason) {
			t.Errorf("%#v", s)
		}
	case !errors.As(err, &l) && !errors.As(err, &e):
		t.Errorf("%T is no error of Parse: %v", err, err)
	}
}

// checkEntry checks that an accepted entry keeps its form.
func checkEntry(t *testing.T, e *Entry) {
	t.Helper()
	again, err := Parse(e.XML, "", Limits{})
	if err != nil {
		t.Fatalf("refused what was kept: %v\n%s", err, e.XML)
	}
	if d := cmp.Diff(e, again.Entries[0]); d != "" {
		t.Errorf("reads differently again (-first +again):\n%s\n%s", d, e.XML)
	}
	m := testMember(e)
	if _, err := Inspect(m); err != nil {
		t.Errorf("%v\n%s", err, e.XML)
	}
	shown := AppendDocument(nil, m, testFeed(), testCollection)
	back, err := Parse(shown, "", Limits{})
	if err != nil {
		t.Fatalf("refused what is shown: %v\n%s", err, shown)
	}
	if e.Absent == 0 && !bytes.Equal(back.Entries[0].XML, e.XML) {
		t.Errorf("came back as\n%s\nand was\n%s", back.Entries[0].XML, e.XML)
	}
	checkStructure(t, e.XML)
}

// checkStructure compares what the scanner and encoding/xml find in a document.
func checkStructure(t *testing.T, doc []byte) {
	t.Helper()
	var ours, theirs strings.Builder
	p := parser{scanner: newScanner(doc, 0, Limits{}.withDefaults())}
	for {
		tok, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		switch tok.kind {
		case startTag:
			ours.WriteString("<" + tok.space + " " + string(tok.name.localPart()) + ">")
		case endTag:
			ours.WriteString("</>")
		case charData, cdata:
			ours.Write(p.textOf(nil, tok))
		}
		if tok.kind == endOfDocument {
			break
		}
	}
	dec := xml.NewDecoder(bytes.NewReader(doc))
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Logf("encoding/xml refuses %q: %v", doc, err)
			return
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if tok.Name.Local == "xmlns" && tok.Name.Space == "" { // encoding/xml takes no element of that name to be in the default namespace
				return
			}
			theirs.WriteString("<" + tok.Name.Space + " " + tok.Name.Local + ">")
		case xml.EndElement:
			theirs.WriteString("</>")
		case xml.CharData:
			theirs.Write(tok)
		}
	}
	if d := cmp.Diff(ours.String(), theirs.String()); d != "" {
		t.Errorf("encoding/xml reads it differently (-ours +theirs):\n%s\n%s", d, doc)
	}
}

// What is composed carries its content exactly.
func FuzzCompose(f *testing.F) {
	for _, typ := range []string{
		"", "text", "html", "text/plain", "text/plain; charset=utf-8", "text/html", "text/xml", "application/xml",
		"image/svg+xml", "application/json", "application/ld+json", "image/png", "multipart/mixed", "a", "xhtml",
	} {
		f.Add(typ, []byte("Hello,\r\n\t<world> & \"all\" ]]> \x85"), "title", "summary", "term", "https://example.org/?a&b")
		f.Add(typ, []byte("<?xml version=\"1.0\"?>\n<!-- c --><a xmlns:b='urn:b'><b:c/>&amp;</a>\n"), "", "", "", "")
		f.Add(typ, []byte("\x00\xff"), "\x00\xff", "\x01", "\ufffe", "\n")
		f.Add(typ, []byte(`{"a": [1, 2, "<>"]}`), "", "", "", "")
		f.Add(typ, []byte{}, "", "", "", "")
	}
	f.Fuzz(func(t *testing.T, typ string, content []byte, title, summary, term, link string) {
		n := Note{
			Type: typ, Content: content, Title: title, Summary: summary,
			Author: Person{Name: title, Email: term}, Category: []string{term}, Link: link,
		}
		e, err := Compose(n)
		var refused *NoteError
		if errors.As(err, &refused) {
			return
		}
		if err != nil {
			checkError(t, err)
			return
		}
		checkEntry(t, e)
		v, err := Inspect(testMember(e))
		if err != nil {
			t.Fatal(err)
		}
		media, _ := mediaType([]byte(typ))
		switch {
		case isXMLType(media) && v.Content.Type == typ && bytes.HasSuffix(content, v.Content.Body):
			// Without its XML declaration.
		case isXMLType(media) && !utf8.Valid(content), bytes.HasPrefix(content, []byte("\ufeff")) && isXMLType(media):
			// From another encoding.
		case isXMLType(media) && bytes.Contains(content, []byte("encoding")):
		case !bytes.Equal(v.Content.Body, content):
			t.Errorf("%q came back as %q\n%s", content, v.Content.Body, e.XML)
		}
		if utf8.ValidString(link) && badChar([]byte(link)) < 0 && link != "" && (len(v.Links) != 1 || v.Links[0].Href != link) {
			t.Errorf("link %q came back as %q", link, v.Links)
		}
	})
}

// What is decoded is UTF-8 that XML allows, and says what it said before.
func FuzzDecode(f *testing.F) {
	for _, doc := range documents(f, "accepted") {
		for _, charset := range []string{"", "utf-8", "UTF-16", "utf-16le", "utf-16be", "iso-8859-1", "us-ascii", "koi8-r"} {
			f.Add(doc, charset)
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte, charset string) {
		text, start, err := decode(doc, charset)
		if err != nil {
			checkError(t, err)
			return
		}
		if badChar(text) >= 0 || start < 0 || start > len(text) {
			t.Fatalf("%q goes on at %d", text, start)
		}
		enc, mark, err := detect(doc, charset)
		if err != nil {
			t.Fatal(err)
		}
		if back := encode(text, enc); !bytes.Equal(back, doc[mark:]) {
			t.Errorf("%q was %q and is %q", text, doc[mark:], back)
		}
	})
}

// encode is the inverse of decode.
func encode(text []byte, enc encoding) []byte {
	var out []byte
	for _, r := range string(text) {
		switch enc {
		case encodingLatin1:
			out = append(out, byte(r))
		case encodingUTF16BE:
			for _, u := range utf16.AppendRune(nil, r) {
				out = binary.BigEndian.AppendUint16(out, u)
			}
		case encodingUTF16LE:
			for _, u := range utf16.AppendRune(nil, r) {
				out = binary.LittleEndian.AppendUint16(out, u)
			}
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}
