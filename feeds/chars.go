package feeds

import (
	"unicode"
	"unicode/utf8"
)

// Classes of ASCII characters.
const (
	classStart = 1 << iota // may start a name
	className              // may stand in a name
	classSpace
	classURI // may stand in a URI reference, RFC 3986
)

var classes = func() (t [128]uint8) {
	for c := range t {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		digit := '0' <= c && c <= '9'
		if letter || c == '_' {
			t[c] |= classStart
		}
		if letter || digit || c == '_' || c == '-' || c == '.' {
			t[c] |= className | classURI
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			t[c] |= classSpace
		case '~', ':', '/', '?', '#', '@', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=', '%':
			t[c] |= classURI
		}
	}
	return t
}()

func isSpace(c byte) bool { return c < 0x80 && classes[c]&classSpace != 0 }

// isBlank reports whether b is nothing but white space.
func isBlank(b []byte) bool {
	for _, c := range b {
		if !isSpace(c) {
			return false
		}
	}
	return true
}

// IsXMLChar reports whether XML 1.0 §2.2 allows r in a document.
func IsXMLChar(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0xD800:
		return true
	}
	return 0xE000 <= r && r <= 0xFFFD || 0x10000 <= r && r <= unicode.MaxRune
}

func isNameStart(r rune) bool {
	if r < 0x80 {
		return classes[r]&classStart != 0
	}
	return unicode.Is(nameStart, r)
}

func isNameChar(r rune) bool {
	if r < 0x80 {
		return classes[r]&className != 0
	}
	return unicode.Is(nameStart, r) || unicode.Is(nameRest, r)
}

// badChar returns the place of the first byte in b that is not part of a
// character which XML allows, or -1.
func badChar(b []byte) int {
	for i := 0; i < len(b); {
		if c := b[i]; 0x20 <= c && c < 0x80 {
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 || !IsXMLChar(r) {
			return i
		}
		i += size
	}
	return -1
}

// checkChars finds bad UTF-8 and characters that XML does not allow.
func checkChars(doc []byte) error {
	i := badChar(doc)
	if i < 0 {
		return nil
	}
	if r, size := utf8.DecodeRune(doc[i:]); r != utf8.RuneError || size > 1 {
		return syntaxError(doc, i, "XML does not allow the character U+%04X; send such content as base64", r)
	}
	return syntaxError(doc, i, "byte 0x%02X is not valid UTF-8; if the document is in another encoding, name it in the charset parameter of its Content-Type", doc[i])
}
