package feeds

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"unicode/utf8"
)

// Note is an entry that the server composes for a publisher who sent none.
type Note struct {
	Title    string // "" for a title made from the content's first line
	Author   Person
	Type     string // of Content: "text", "html" or a media type, parameters allowed
	Content  []byte
	Summary  string
	Category []string // terms
	Link     string   // an "alternate" link
}

const (
	typeOctets   = "application/octet-stream"
	titleLength  = 80  // characters of a title made from content
	jsonLength   = 60  // characters of a title that is JSON
	digestLength = 280 // characters of a summary made from content
)

// Compose makes the entry for a note. Text that XML cannot carry, and media that is
// neither text nor XML, goes as base64 (RFC 4287 §4.1.3.3). It returns a *NoteError for a
// type that content may not have, and a *LimitError.
//
// Base64 is what RFC 4287 asks for JSON too; so that people can read it nevertheless, a JSON note
// without a summary gets its own text as one, cut to 280 characters (RFC 4287 §4.1.2 demands one
// beside base64), and one without a title that of its object: its member "title", "name" or
// "subject", or else its own text without white space, cut to 60 characters. Text that XML cannot
// carry (control characters, bytes that are not UTF-8) has the type application/octet-stream,
// because under text/plain a reader would show the base64 itself. XML goes in line without its XML
// declaration; with a DOCTYPE, or malformed, as base64.
func Compose(n Note) (*Entry, error) {
	b := bodyOf(&n)
	w := writer{dst: make([]byte, 0, 512+len(b.source)*9/8)}
	if b.mode == modeXML {
		// So dressed, the document within needs no namespace undone.
		w.prefix = []byte("atom")
		w.raw(`<atom:entry xmlns="" xmlns:atom="` + NamespaceAtom + `">`)
	} else {
		w.raw(`<entry xmlns="` + NamespaceAtom + `">`)
	}
	w.note(&n)
	w.body(b)
	w.close("entry")
	doc, err := Parse(w.dst, "", Limits{Bytes: math.MaxInt})
	if syntax, ok := errors.AsType[*SyntaxError](err); ok {
		return nil, &NoteError{syntax.Reason} // where, is a matter of a document that nobody has seen
	}
	if err != nil {
		return nil, err
	}
	return doc.Entries[0], nil
}

// ComposeLink makes the entry that links to media of this title.
func ComposeLink(title string) (*Entry, error) {
	e, err := Compose(Note{Title: title})
	if err == nil {
		e.Absent |= PartSummary // as the content is out of line
	}
	return e, err
}

// note appends everything but the content.
func (w *writer) note(n *Note) {
	w.element("title", n.Title)
	if n.Author.Name != "" {
		w.author(n.Author)
	}
	for _, c := range n.Category {
		w.open("category")
		w.attribute("term", c)
		w.raw("/>")
	}
	w.link("alternate", "", n.Link)
	if n.Summary != "" {
		w.element("summary", n.Summary)
	}
}

// body is the content of a composed entry.
type body struct {
	typ    string
	mode   mode
	source []byte
}

// bodyOf finds how the note's content is carried, and fills in the title and the
// summary that it lacks.
func bodyOf(n *Note) body {
	b := body{typ: n.Type, source: n.Content}
	if b.typ == "" {
		b.typ = "text"
	}
	media, _ := mediaType([]byte(b.typ))
	switch b.typ {
	case "text":
		b.mode = modeText
	case "html":
		b.mode = modeHTML
	default:
		b.mode = mediaMode(media)
	}
	if n.Title == "" {
		n.Title = cut(b.title(media), titleLength)
	}
	if n.Summary == "" && isJSONType(media) {
		n.Summary = cut(plain(fold(b.head())), digestLength)
	}
	b.carry()
	return b
}

func isJSONType(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// head returns as much of the content as titles and summaries are made from: several lines of
// digestLength characters.
func (b *body) head() []byte { return b.source[:min(len(b.source), 4096)] }

// title returns the beginning of the content as one line of plain text, what a JSON object calls
// itself or its beginning, or the content's type.
func (b *body) title(media string) string {
	var line string
	switch {
	case b.mode == modeHTML || media == "text/html":
		line = firstLine(stripHTML(b.head()))
	case b.mode == modeText:
		line = firstLine(b.head())
	case isJSONType(media):
		line = fold([]byte(jsonTitle(b.head())))
		if line == "" {
			line = cut(compactJSON(b.head()), jsonLength)
		}
	}
	if line == "" && b.mode != modeText && b.mode != modeHTML {
		return b.typ
	}
	return plain(line)
}

// plain leaves out what XML cannot carry.
func plain(s string) string {
	if isPrintable(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !IsXMLChar(r) {
			return -1
		}
		return r
	}, s)
}

// isPrintable reports whether s is printable ASCII: nearly all that titles are made of is, and then
// nothing needs to be decoded.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimLeft(b, " \t\r\n"), []byte("\n"))
	return fold(line)
}

// carry makes the source what stands in the element.
func (b *body) carry() {
	if b.mode == modeXML {
		if xml, ok := inline(b.source); ok {
			b.source = xml
			return
		}
		b.mode = modeBase64
		return
	}
	if b.mode != modeBase64 && badChar(b.source) >= 0 {
		b.mode, b.typ = modeBase64, typeOctets
	}
}

// inline returns an XML document without its XML declaration, if it can stand in an entry.
func inline(doc []byte) ([]byte, bool) {
	doc, start, err := decode(doc, "")
	if err != nil {
		return nil, false
	}
	lim := Limits{}.withDefaults()
	lim.Depth -= 2 // of the entry and its content
	p := parser{scanner: newScanner(doc, start, lim)}
	if p.epilog() != nil {
		return nil, false
	}
	return doc[start:], true
}

// body appends the content.
func (w *writer) body(b body) {
	if len(b.source) == 0 && b.mode == modeText {
		return // the link to the member's page stands for it
	}
	w.open("content")
	w.attribute("type", b.typ)
	w.raw(">")
	switch b.mode {
	case modeXML:
		w.dst = append(w.dst, b.source...)
	case modeBase64:
		w.dst = base64.StdEncoding.AppendEncode(w.dst, b.source)
	default:
		w.dst = appendEscapedText(w.dst, b.source)
	}
	w.close("content")
}
