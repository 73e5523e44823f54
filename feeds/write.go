package feeds

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// writer appends Atom elements in the dress of the document they go into.
type writer struct {
	dst    []byte
	prefix []byte // of the Atom namespace; empty when it is the default one
}

func (w *writer) raw(s string) { w.dst = append(w.dst, s...) }

// open appends <name, without the end of the tag.
func (w *writer) open(name string) {
	w.dst = append(w.dst, '<')
	w.qualify(name)
}

func (w *writer) close(name string) {
	w.dst = append(w.dst, '<', '/')
	w.qualify(name)
	w.dst = append(w.dst, '>')
}

func (w *writer) qualify(name string) {
	if len(w.prefix) > 0 {
		w.dst = append(append(w.dst, w.prefix...), ':')
	}
	w.dst = append(w.dst, name...)
}

// element appends an element that holds text.
func (w *writer) element(name, text string) {
	w.open(name)
	w.dst = append(w.dst, '>')
	w.dst = appendEscapedText(w.dst, text)
	w.close(name)
}

func (w *writer) date(name string, t time.Time) {
	w.open(name)
	w.dst = append(w.dst, '>')
	w.dst = appendTime(w.dst, t)
	w.close(name)
}

// attribute appends ` name="value"`.
func (w *writer) attribute(name, value string) {
	w.dst = append(append(append(w.dst, ' '), name...), '=', '"')
	w.dst = append(appendEscapedValue(w.dst, value), '"')
}

// link appends an atom:link, or nothing without a href.
func (w *writer) link(rel, typ, href string) {
	if href == "" {
		return
	}
	w.open("link")
	w.attribute("rel", rel)
	if typ != "" {
		w.attribute("type", typ)
	}
	w.attribute("href", href)
	w.raw("/>")
}

// text appends a text construct of plain text or HTML, RFC 4287 §3.1.
func (w *writer) text(name string, x *Text) {
	w.open(name)
	if x.Lang != "" {
		w.attribute("xml:lang", x.Lang)
	}
	if x.Type == "html" {
		w.attribute("type", x.Type)
		if x.Base != "" {
			w.attribute("xml:base", x.Base)
		}
	}
	w.dst = append(w.dst, '>')
	w.dst = appendEscapedText(w.dst, x.Body)
	w.close(name)
}

func (w *writer) author(p Person) {
	w.open("author")
	w.dst = append(w.dst, '>')
	w.element("name", p.Name)
	if p.URI != "" {
		w.element("uri", p.URI)
	}
	if p.Email != "" {
		w.element("email", p.Email)
	}
	w.close("author")
}

// appendEscapedText appends s as the text of an element.
func appendEscapedText[T string | []byte](dst []byte, s T) []byte {
	return appendEscaped(dst, s, false)
}

// appendEscapedValue appends s as an attribute's value.
func appendEscapedValue[T string | []byte](dst []byte, s T) []byte {
	return appendEscaped(dst, s, true)
}

// appendEscaped appends s so that a parser gives back the same characters, as text or
// between double quotes. What XML cannot carry becomes U+FFFD.
func appendEscaped[T string | []byte](dst []byte, s T, quoted bool) []byte {
	from := 0
	for i := 0; i < len(s); {
		if c := s[i]; c >= 0x20 && c < 0x80 && c != '&' && c != '<' && c != '>' && c != '"' {
			i++
			continue
		}
		text, size := escape(s[i:min(len(s), i+utf8.UTFMax)], quoted)
		if text != "" {
			dst = append(append(dst, s[from:i]...), text...)
			from = i + size
		}
		i += size
	}
	return append(dst, s[from:]...)
}

// escape returns what the first character of s is written as, "" for itself, and its size.
func escape[T string | []byte](s T, quoted bool) (text string, size int) {
	switch c := s[0]; {
	case c == '&':
		return "&amp;", 1
	case c == '<':
		return "&lt;", 1
	case c == '>':
		return "&gt;", 1
	case c == '\r':
		return "&#13;", 1
	case c == '\t', c == '\n', c == '"':
		if !quoted {
			return "", 1
		}
		return "&#" + strconv.Itoa(int(c)) + ";", 1
	}
	r, size := utf8.DecodeRuneInString(string(s))
	if r == utf8.RuneError && size == 1 || !IsXMLChar(r) {
		return "\uFFFD", size
	}
	return "", size
}

// cut returns at most n characters of s, an ellipsis in place of the last when there were more.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n - 1
	if !isPrintable(s[:n]) {
		if utf8.RuneCountInString(s) <= n {
			return s
		}
		for end = 0; n > 1; n-- {
			_, size := utf8.DecodeRuneInString(s[end:])
			end += size
		}
	}
	return strings.TrimRight(s[:end], " ") + "…"
}
