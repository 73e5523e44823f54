package stomp

import (
	"encoding/binary"
	"strconv"
)

// AppendCommand begins a frame.
func AppendCommand(dst []byte, c Command) []byte {
	dst = append(dst, c.String()...)
	return append(dst, '\n')
}

// AppendHeader adds one header, escaped as v says. Pass V10 for a CONNECT, STOMP or
// CONNECTED frame, which are never escaped.
//
// No name and no value can end its line or the frame and so forge another: what
// the version has no escape for becomes a space. That is NUL in all of them, CR below
// 1.2, in 1.0 also LF, and the colon in a name. A header without a name, which no
// version can carry, is left out.
func AppendHeader[T ~[]byte | ~string](dst []byte, v Version, name string, value T) []byte {
	if name == "" {
		return dst
	}
	dst = append(appendText(dst, v, name, true), ':')
	return append(appendText(dst, v, value, false), '\n')
}

// AppendHeaderInt adds a header whose value is a number.
func AppendHeaderInt(dst []byte, v Version, name string, value int64) []byte {
	if name == "" {
		return dst
	}
	dst = append(appendText(dst, v, name, true), ':')
	return append(strconv.AppendInt(dst, value, 10), '\n')
}

// AppendBody adds content-length and the body and ends the frame.
//
// A newline follows the NUL, as from ocamlmq: every version allows it, and clients
// that read by lines get to see the frame without waiting for the next one.
func AppendBody(dst, body []byte) []byte {
	dst = append(dst, "content-length:"...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\n\n"...)
	dst = append(dst, body...)
	return append(dst, "\x00\n"...)
}

// AppendEnd ends a frame that has no body.
func AppendEnd(dst []byte) []byte { return append(dst, "\n\x00\n"...) }

func appendText[T ~[]byte | ~string](dst []byte, v Version, text T, name bool) []byte {
	rest := []byte(text) // not a copy: the compiler sees that nobody writes to it
	if plain(rest) {
		return append(dst, rest...)
	}
	for i := 0; i < len(rest); {
		if c := rest[i]; c < 0x10 || c == ':' || c == '\\' {
			if other := instead(c, v, name); other != "" {
				dst = append(append(dst, rest[:i]...), other...)
				rest, i = rest[i+1:], 0
				continue
			}
		}
		i++
	}
	return append(dst, rest...)
}

// instead is what v writes for c in a header, "" for c itself.
func instead(c byte, v Version, name bool) string {
	switch {
	case c == 0, c == '\r' && v < V12, c == '\n' && v < V11, c == ':' && v < V11 && name:
		return " "
	case v < V11:
		return ""
	case c == '\n':
		return `\n`
	case c == '\r':
		return `\r`
	case c == ':':
		return `\c`
	case c == '\\':
		return `\\`
	}
	return ""
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain reports whether text surely needs no escaping, eight bytes at a time: no
// colon, no backslash, nothing below 0x10, where NUL, LF and CR are.
func plain(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if suspect(binary.LittleEndian.Uint64(text)) {
			return false
		}
	}
	for _, c := range text {
		if c < 0x10 || c == ':' || c == '\\' {
			return false
		}
	}
	return true
}

// suspect finds such a byte among eight: taking 1 from a zero byte, or 0x10 from a
// smaller one, borrows into its highest bit, where that was not set.
func suspect(w uint64) bool {
	colon, backslash := w^ones*':', w^ones*'\\'
	return ((w-ones*0x10)&^w|(colon-ones)&^colon|(backslash-ones)&^backslash)&highs != 0
}
