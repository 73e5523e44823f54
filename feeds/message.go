package feeds

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"math"
	"mime"
	"strings"
	"unicode/utf8"
)

// Message is an entry as a queue or topic client sees it: headers and a body.
type Message struct {
	Type string // media type of Body as the sender wrote it, "" when it gave none
	// Header is the sender's own headers in their order, repeated ones included; without
	// those that the transport owns, which the gateway filters.
	Header []Field
	Body   []byte
}

// Field is a header of a message.
type Field struct{ Name, Value string }

// headerTitle is the header that titles are made of, and that tells them.
const headerTitle = "title"

// ComposeMessage makes the entry that carries m, as Parse would read it. A title of "" is
// that of the first header "title" which is not blank, or else made from the body. Any bytes are taken
// in names, values, type and body, and MessageOf gives them back exactly.
//
// The body is readable text wherever its bytes are text, and its type is not that of an image or the
// like; XML that XML can hold unchanged stands in line; the rest is base64. Type and headers
// stand in an element of their own, see NamespaceStomp.
//
// The entry is some 200 bytes and 40 for each header larger than the message. Base64 makes
// four bytes of three, "&" and a carriage return five of one; a header that is the title, and the type
// of a body that goes under it, stand twice. It returns a *LimitError for headers of millions of
// bytes; a body has no limit here.
func ComposeMessage(title string, m *Message) (*Entry, error) {
	b := carry(m)
	e := &Entry{Title: b.entryTitle(cmp.Or(title, m.title())), Absent: absentOfMessage}
	if b.mode == modeBase64 && len(b.source) > 0 {
		e.Absent |= PartSummary
	}
	w := writer{dst: make([]byte, 0, b.room(m)+len(e.Title))}
	w.composed(e.Title, m, b)
	if len(w.dst) > maxRun {
		return parsed(w.dst)
	}
	e.XML = w.dst // within maxRun no limit can be passed: each counts bytes of the document
	return e, nil
}

// absentOfMessage is what no composed message has.
const absentOfMessage = PartID | PartUpdated | PartPublished | PartAuthor | PartAlternate

// title returns what the sender calls the message.
func (m *Message) title() string {
	for i := range m.Header {
		if f := &m.Header[i]; f.Name == headerTitle && strings.TrimSpace(f.Value) != "" {
			return f.Value
		}
	}
	return ""
}

// entryTitle returns the title given, or else one made from the body, as Parse will read it.
func (b messageBody) entryTitle(given string) string {
	if t := fold([]byte(plain(given))); t != "" {
		return t
	}
	return fold([]byte(cut(b.messageTitle(), titleLength)))
}

// parsed reads a composed entry that may pass a limit.
func parsed(xml []byte) (*Entry, error) {
	doc, err := Parse(xml, "", Limits{Bytes: math.MaxInt})
	if err != nil {
		return nil, err
	}
	return doc.Entries[0], nil
}

// messageBody is the body of a message, and the content that carries it.
type messageBody struct {
	body         // typ and mode are the content's
	media string // the sender's media type without parameters, "" when content could not have it
}

// carry finds how the body is carried.
func carry(m *Message) messageBody {
	media, charset, ok := splitType(m.Type)
	b := messageBody{body{typ: m.Type, source: m.Body}, media}
	top, _, _ := strings.Cut(media, "/")
	opaque := ok && mediaMode(media) == modeBase64 && top != "multipart" && top != "message"
	switch {
	case opaque && top != "application" && !isJSONType(media), !readable(m.Body, charset):
		b.mode = modeBase64
		if !opaque {
			b.typ = typeOctets
		}
	case isXMLType(media) && isInline(m.Body):
		b.mode = modeXML
	case media == typeHTML:
		b.typ, b.mode = "html", modeHTML
	case top != "text", media == "text/plain", isXMLType(media):
		b.typ = "text"
	}
	return b
}

// splitType takes a media type apart; ok is false for what cannot be a content's type.
func splitType(typ string) (media, charset string, ok bool) {
	switch typ {
	case "":
		return "", "", false
	case "text/plain", "text/html", "application/json", "application/xml", typeOctets:
		return typ, "", true // without the allocations of the general case
	}
	media, param, err := mime.ParseMediaType(typ)
	if err != nil || !strings.Contains(media, "/") || !isText(typ) {
		return "", "", false
	}
	return media, param["charset"], true
}

// readable reports whether a body is text that XML can carry, and that reads in UTF-8 as its sender
// meant it.
func readable(b []byte, charset string) bool {
	switch encodings[strings.ToLower(charset)] {
	case encodingUTF8, encodingASCII:
	case encodingLatin1:
		if checkASCII(b) != nil {
			return false
		}
	default:
		if charset != "" {
			return false
		}
	}
	return badChar(b) < 0
}

// isText reports whether XML can carry s as it is.
func isText(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x80 {
			return badChar([]byte(s[i:])) < 0
		}
	}
	return true
}

// isInline reports whether doc, which is text, is an XML document that can stand in an entry, and come back
// from there byte for byte: it has no XML declaration, no DOCTYPE, and no line end for a
// parser to change. Half of what libxml2 takes leaves room for the entry around it.
func isInline(doc []byte) bool {
	if len(doc) > maxRun/2 || hasDeclaration(doc) || bytes.IndexByte(doc, '\r') >= 0 {
		return false
	}
	lim := Limits{}.withDefaults()
	lim.Depth -= 2 // of the entry and its content
	p := parser{scanner: newScanner(doc, 0, lim)}
	p.maxBound -= 2 * spareBindings // for the entry's own, and those of a feed around it
	return p.epilog() == nil
}

// messageTitle makes a title from the body: of binary data, its type.
func (b messageBody) messageTitle() string {
	const enough = 2 * utf8.UTFMax * titleLength // whatever the line's white space
	switch {
	case isJSONType(b.media):
		b.typ, b.mode = b.media, modeBase64
	case b.mode == modeBase64 && strings.HasPrefix(b.media, "text/"):
		b.mode = modeText
	}
	if b.mode == modeText {
		b.source = bytes.TrimLeft(b.head(), " \t\r\n")
		b.source = b.source[:min(len(b.source), enough)]
	}
	return b.title(b.media)
}

// room is how many bytes the entry will usually take.
func (b messageBody) room(m *Message) int {
	n := 320 + len(m.Type) + len(b.typ) + len(b.source)
	switch b.mode {
	case modeText, modeHTML:
		n += len(b.source) / 16
	case modeBase64:
		n += len(b.source)/3 + 4
	}
	for i := range m.Header {
		n += 48 + len(m.Header[i].Name) + len(m.Header[i].Value)
	}
	return n
}

// The layout of a composed message: readMessage relies on it.
const (
	messageStart = `<entry xmlns="` + NamespaceAtom + `">`
	messageXML   = `<atom:entry xmlns="" xmlns:atom="` + NamespaceAtom + `">` // the document within needs no namespace undone
	messageOpen  = `<stomp:message xmlns:stomp="` + NamespaceStomp + `"`
	messageClose = `</stomp:message>`
	headerOpen   = `<stomp:header name="`
	headerClose  = `</stomp:header>`
)

// composed appends the entry.
func (w *writer) composed(title string, m *Message, b messageBody) {
	if b.mode == modeXML {
		w.prefix = []byte("atom")
		w.raw(messageXML)
	} else {
		w.raw(messageStart)
	}
	w.element("title", title)
	w.raw(messageOpen)
	if m.Type != "" {
		w.raw(" content-type")
		if !w.value(m.Type) {
			w.raw(` base64="content-type"`)
		}
	}
	w.raw(">")
	for i := range m.Header {
		w.header(&m.Header[i])
	}
	w.raw(messageClose)
	w.messageContent(b)
	w.close("entry")
}

// header appends a header of the sender.
func (w *writer) header(f *Field) {
	w.raw(`<stomp:header name`)
	name, value := w.value(f.Name), isText(f.Value)
	switch {
	case !name && !value:
		w.raw(` base64="name value"`)
	case !name:
		w.raw(` base64="name"`)
	case !value:
		w.raw(` base64="value"`)
	}
	w.raw(">")
	if value {
		w.dst = appendEscapedText(w.dst, f.Value)
	} else {
		w.dst = base64.StdEncoding.AppendEncode(w.dst, []byte(f.Value))
	}
	w.raw(headerClose)
}

// value appends `="s"`, and reports whether s did not have to go as base64.
func (w *writer) value(s string) bool {
	w.raw(`="`)
	exact := isText(s)
	if exact {
		w.dst = appendEscapedValue(w.dst, s)
	} else {
		w.dst = base64.StdEncoding.AppendEncode(w.dst, []byte(s))
	}
	w.raw(`"`)
	return exact
}

// messageContent appends the content; an empty body has none.
func (w *writer) messageContent(b messageBody) {
	if len(b.source) == 0 {
		return
	}
	w.open("content")
	w.attribute("type", b.typ)
	w.raw(">")
	switch {
	case b.mode == modeXML:
		w.dst = append(w.dst, b.source...)
	case b.mode != modeBase64:
		w.parted(b.source)
	case base64.StdEncoding.EncodedLen(len(b.source)) < maxRun:
		w.dst = base64.StdEncoding.AppendEncode(w.dst, b.source)
	default:
		w.parted(base64.StdEncoding.AppendEncode(nil, b.source))
	}
	w.close("content")
}

// parted appends text of any length. libxml2 takes no piece of it longer than 10,000,000
// bytes, but any number that comments part.
func (w *writer) parted(b []byte) {
	const (
		piece   = 1 << 18
		longest = len("&amp;") // that a byte is written as
	)
	start := len(w.dst)
	for len(b) > 0 {
		n := min(piece, len(b))
		for n < len(b) && !utf8.RuneStart(b[n]) {
			n--
		}
		if len(w.dst)-start+longest*n > maxRun {
			w.raw("<!---->")
			start = len(w.dst)
		}
		w.dst = appendEscapedText(w.dst, b[:n])
		b = b[n:]
	}
}
