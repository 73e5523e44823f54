package feeds

import (
	"cmp"
	"encoding/base64"
	"math"
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

// ComposeMessage makes the entry that carries m, as Parse would read it. A title of "" is that of
// the first header "title" which is not blank, or else made from the body. Any bytes are taken in
// names, values, type and body, and MessageOf gives them back exactly.
//
// The body is readable text wherever its bytes are text, and its type is not that of an image or
// the like; XML that XML can hold unchanged stands in line; the rest is base64. Type and headers
// stand in an element of their own, see NamespaceStomp.
//
// The entry is some 200 bytes and 40 for each header larger than the message. Base64 makes four
// bytes of three, "&" and a carriage return five of one; a header that is the title, and the type
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

// parsed reads a composed entry that may pass a limit.
func parsed(xml []byte) (*Entry, error) {
	doc, err := Parse(xml, "", Limits{Bytes: math.MaxInt})
	if err != nil {
		return nil, err
	}
	return doc.Entries[0], nil
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
	w.messageType(m.Type)
	w.raw(">")
	for i := range m.Header {
		w.header(&m.Header[i])
	}
	w.raw(messageClose)
	w.messageContent(b)
	w.close("entry")
}

// messageType appends the sender's type to the tag that has begun.
func (w *writer) messageType(typ string) {
	if typ == "" {
		return
	}
	w.raw(" content-type")
	if !w.value(typ) {
		w.raw(` base64="content-type"`)
	}
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
