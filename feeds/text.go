package feeds

import (
	"bytes"
	"unicode/utf8"
)

// checkReferences checks the references in doc[start:end].
func (s *scanner) checkReferences(start, end int) error {
	for {
		n := bytes.IndexByte(s.doc[start:end], '&')
		if n < 0 {
			return nil
		}
		start += n
		_, size := reference(s.doc[start:end])
		if size == 0 {
			return s.badReference(start, end)
		}
		start += size
	}
}

func (s *scanner) badReference(start, end int) error {
	raw := s.doc[start:end]
	n := bytes.IndexByte(raw[:min(len(raw), 64)], ';')
	if n > 2 && raw[1] == '#' {
		return s.fail(start, "%s names no character that XML allows", raw[:n+1])
	}
	if _, end, err := s.ncName(start+1, "an entity's name"); err != nil || end != start+n {
		return s.fail(start, `"&" starts no reference here; write it as "&amp;"`)
	}
	return s.fail(start, "the entity %s is not defined; write the character itself, or a number like &#233;", raw[:n+1])
}

// reference reads the reference that b starts with: a character or one of the five
// predefined entities. size is 0 when it is neither.
func reference(b []byte) (r rune, size int) {
	if len(b) > 1 && b[1] == '#' {
		return charReference(b)
	}
	for _, e := range predefined {
		if bytes.HasPrefix(b, []byte(e.name)) {
			return e.char, len(e.name)
		}
	}
	return 0, 0
}

var predefined = [...]struct {
	name string
	char rune
}{{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}}

// charReference reads "&#233;" or "&#xE9;".
func charReference(b []byte) (r rune, size int) {
	base, i := rune(10), len("&#")
	if i < len(b) && b[i] == 'x' {
		base, i = 16, i+1
	}
	digits := i
	for ; i < len(b) && b[i] != ';'; i++ {
		c := b[i]
		switch {
		case '0' <= c && c <= '9':
			r = r*base + rune(c-'0')
		case base == 16 && isHex(c):
			r = r*base + rune(c|0x20-'a') + 10
		default:
			return 0, 0
		}
		if r > utf8.MaxRune {
			return 0, 0
		}
	}
	if i == digits || i == len(b) || !IsXMLChar(r) {
		return 0, 0
	}
	return r, i + 1
}

// isPlain reports whether raw text stands for itself.
func isPlain(raw []byte) bool {
	return bytes.IndexByte(raw, '&') < 0 && bytes.IndexByte(raw, '\r') < 0
}

// appendText appends what raw text stands for: references resolved and line
// ends made one newline (XML 1.0 §2.11).
func appendText(dst, raw []byte) []byte {
	for {
		n := bytes.IndexAny(raw, "&\r")
		if n < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:n]...)
		raw = raw[n:]
		if raw[0] == '&' {
			r, size := reference(raw)
			dst = utf8.AppendRune(dst, r)
			raw = raw[size:]
			continue
		}
		dst = append(dst, '\n')
		raw = bytes.TrimPrefix(raw[1:], []byte("\n"))
	}
}

// appendLines appends the content of a CDATA section: only line ends change.
func appendLines(dst, raw []byte) []byte {
	for {
		n := bytes.IndexByte(raw, '\r')
		if n < 0 {
			return append(dst, raw...)
		}
		dst = append(append(dst, raw[:n]...), '\n')
		raw = bytes.TrimPrefix(raw[n+1:], []byte("\n"))
	}
}

// value returns an attribute's value as XML 1.0 §3.3.3 normalises it: the
// document's own bytes where that changes nothing.
func (s *scanner) value(v span) []byte {
	raw := s.doc[v.start:v.end]
	if !isNormalised(raw) {
		return normaliseValue(raw)
	}
	return raw
}

func isNormalised(raw []byte) bool {
	for _, c := range raw {
		if c < ' ' || c == '&' {
			return false
		}
	}
	return true
}

func normaliseValue(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '&':
			r, size := reference(raw[i:])
			out = utf8.AppendRune(out, r)
			i += size - 1
		case c == '\r' && i+1 < len(raw) && raw[i+1] == '\n':
			// One line end, one space: the newline's.
		case isSpace(c):
			out = append(out, ' ')
		default:
			out = append(out, c)
		}
	}
	return out
}

// attr returns the value of the latest start tag's attribute without a prefix.
func (s *scanner) attr(local string) (value []byte, ok bool) {
	return s.attrIn("", local)
}

func (s *scanner) attrIn(space, local string) (value []byte, ok bool) {
	a := s.attrOf(space, local)
	if a == nil {
		return nil, false
	}
	return s.value(a.value), true
}

// has reports whether the latest start tag has the attribute.
func (s *scanner) has(space, local string) bool { return s.attrOf(space, local) != nil }

func (s *scanner) attrOf(space, local string) *attribute {
	for i := range s.attrs {
		if a := &s.attrs[i]; a.space == space && string(a.name.localPart()) == local {
			return a
		}
	}
	return nil
}

// textOf returns what a charData or cdata token stands for, appended to dst.
func (s *scanner) textOf(dst []byte, t *token) []byte {
	if t.kind == cdata {
		return appendLines(dst, s.doc[t.start+len("<![CDATA["):t.end-len("]]>")])
	}
	return appendText(dst, s.doc[t.start:t.end])
}
