package feeds

import (
	"bytes"
	"mime"
	"strings"
	"unicode/utf8"
)

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
	case opaque && top != "application" && !isJSONType(media), opaque && isOverlong(m.Body), !readable(m.Body, charset):
		b.mode = modeBase64
		if !opaque {
			b.typ = typeOctets
		}
	case isXMLType(media) && isInline(m.Body):
		b.mode = modeXML
	case isXMLType(media) && isOverlong(m.Body):
		b.typ, b.mode = typeOctets, modeBase64
	case media == typeHTML:
		b.typ, b.mode = "html", modeHTML
	case top != "text", media == "text/plain", isXMLType(media):
		b.typ = "text"
	}
	return b
}

// MaxText is how many bytes of text, escaped as XML has it, an entry may hold in one piece.
const MaxText = maxRun

// IsOverlong reports whether the body goes as text and passes MaxText. ComposeMessage takes it, but it
// may become five times as long; under the type of an application it goes as base64.
func (m *Message) IsOverlong() bool {
	if !isOverlong(m.Body) {
		return false
	}
	b := carry(m)
	return b.mode != modeXML && b.mode != modeBase64
}

// isOverlong reports whether text passes MaxText.
func isOverlong(b []byte) bool {
	if len(b) <= MaxText/len("&amp;") {
		return false
	}
	n := len(b)
	for _, c := range []byte("&<>\r") {
		text, _ := escape([]byte{c}, false)
		n += bytes.Count(b, []byte{c}) * (len(text) - 1)
	}
	return n > MaxText
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

// isInline reports whether doc, which is text, is an XML document that can stand in an entry, and
// come back from there byte for byte: it has no XML declaration, no DOCTYPE, and no line end for a
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

// entryTitle returns the title given, or else one made from the body, as Parse will read it.
func (b messageBody) entryTitle(given string) string {
	if t := fold([]byte(plain(given))); t != "" {
		return t
	}
	return fold([]byte(cut(b.messageTitle(), titleLength)))
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
	n := 224 + len(m.Type) + len(b.typ) + len(b.source)
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
