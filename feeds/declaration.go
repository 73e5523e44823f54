package feeds

import (
	"bytes"
	"slices"
	"strings"
)

// maxDeclaration bounds an XML declaration, in bytes.
const maxDeclaration = 1024

// hasDeclaration tells an XML declaration from a processing instruction such as <?xml-stylesheet?>.
func hasDeclaration(doc []byte) bool {
	rest, ok := bytes.CutPrefix(doc, []byte("<?xml"))
	return ok && (len(rest) == 0 || isSpace(rest[0]) || rest[0] == '?')
}

// declaredEncoding returns the encoding that doc, which may be in any that has ASCII's
// characters where ASCII has them, says that it is in; "" when it says nothing, or not well.
func declaredEncoding(doc []byte) string {
	if !hasDeclaration(doc) {
		return ""
	}
	decl, _, _ := bytes.Cut(doc[:min(len(doc), maxDeclaration)], []byte("?>"))
	_, after, _ := bytes.Cut(decl, []byte("encoding"))
	after = bytes.TrimLeft(after, " \t\r\n=")
	if len(after) == 0 {
		return ""
	}
	name, _, _ := bytes.Cut(after[1:], after[:1])
	return string(name)
}

// readDeclaration reads the XML declaration (XML 1.0 §2.8) that doc starts with, and
// returns where doc goes on: 0 when it has none.
func readDeclaration(doc []byte) (end int, err error) {
	if !hasDeclaration(doc) {
		return 0, nil
	}
	n := bytes.Index(doc[:min(len(doc), maxDeclaration)], []byte("?>"))
	if n < 0 {
		return 0, syntaxError(doc, 0, "the XML declaration is not closed")
	}
	s := scanner{doc: doc[:n], pos: len("<?xml"), lim: Limits{Attributes: 4}, attrs: make([]attribute, 0, 3)}
	return n + len("?>"), s.pseudoAttributes()
}

// pseudoAttributes reads version, encoding and standalone, in this order.
func (s *scanner) pseudoAttributes() error {
	last := 0
	for s.skipSpace() && s.pos < len(s.doc) {
		start := s.pos
		if err := s.attribute(); err != nil {
			return err
		}
		a := s.attrs[len(s.attrs)-1]
		value := s.doc[a.value.start:a.value.end]
		order := 1 + slices.Index([]string{"version", "encoding", "standalone"}, string(a.name.full))
		if order <= last || last == 0 && order > 1 {
			return s.fail(start, "an XML declaration has version, encoding and standalone, once and in this order")
		}
		last = order
		switch {
		case order == 1 && string(value) != "1.0":
			return s.fail(start, `the XML version %q is not taken; send version="1.0"`, value)
		case order == 2 && !isEncodingName(value):
			return s.fail(start, "%q is no name of a character encoding", value)
		case order == 3 && string(value) != "yes" && string(value) != "no":
			return s.fail(start, `standalone must be "yes" or "no"`)
		}
	}
	if s.pos < len(s.doc) || last == 0 {
		return s.fail(s.pos, `the XML declaration must read <?xml version="1.0" encoding="…"?>`)
	}
	return nil
}

// isEncodingName checks XML 1.0 §4.3.3.
func isEncodingName(s []byte) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || '9' < c) && !strings.ContainsRune("._-", rune(c))) {
			return false
		}
	}
	return len(s) > 0
}
