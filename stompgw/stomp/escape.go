package stomp

import "bytes"

// unescape decodes text in place and returns what is left of it. It holds defined
// escape sequences only: both 1.1 and 1.2 call any other a fatal error ("Value
// Encoding"), so the Reader has refused them before.
func unescape(text []byte, v Version) []byte {
	from := bytes.IndexByte(text, '\\')
	if from < 0 {
		return text
	}
	to := from
	for from < len(text) {
		c := text[from]
		if c == '\\' {
			from++
			c = meaning(text[from], v)
		}
		text[to] = c
		to, from = to+1, from+1
	}
	return text[:to:to]
}

// meaning is what a backslash and c stand for, 0 for nothing.
func meaning(c byte, v Version) byte {
	switch {
	case c == 'n':
		return '\n'
	case c == 'c':
		return ':'
	case c == '\\':
		return '\\'
	case c == 'r' && v >= V12:
		return '\r'
	}
	return 0
}

// undefined returns the first escape sequence in text that v does not define, or nil.
func undefined(text []byte, v Version) []byte {
	for {
		i := bytes.IndexByte(text, '\\')
		switch {
		case i < 0:
			return nil
		case i+1 == len(text):
			return text[i:]
		case meaning(text[i+1], v) == 0:
			return text[i : i+2]
		}
		text = text[i+2:]
	}
}

// trim takes padding off a value of 1.0.
func trim(value []byte) []byte { return bytes.Trim(value, " \t") }
