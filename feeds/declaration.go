package feeds

import (
	"bytes"
	"strings"
)

// xmlDeclaration is what a document says of itself first (XML 1.0 §2.8).
type xmlDeclaration struct {
	encoding string // "" when it names none
	end      int    // where the document goes on; 0 when it has no declaration
}

// readDeclaration reads the XML declaration that doc starts with, if it does.
func readDeclaration(doc []byte) (xmlDeclaration, error) {
	if !bytes.HasPrefix(doc, []byte("<?xml")) || len(doc) > 5 && !isSpace(doc[5]) {
		return xmlDeclaration{}, nil
	}
	n := bytes.Index(doc[:min(len(doc), 1024)], []byte("?>"))
	if n < 0 {
		return xmlDeclaration{}, syntaxError(doc, 0, "the XML declaration is not closed")
	}
	d := xmlDeclaration{end: n + 2}
	s := scanner{doc: doc[:n], pos: len("<?xml"), lim: Limits{Attributes: 4}}
	if err := d.readAttributes(&s); err != nil {
		return xmlDeclaration{}, err
	}
	return d, nil
}

// readAttributes reads version, encoding and standalone, in this order.
func (d *xmlDeclaration) readAttributes(s *scanner) error {
	last := 0
	for s.skipSpace() && s.pos < len(s.doc) {
		start := s.pos
		if err := s.attribute(); err != nil {
			return err
		}
		a := s.attrs[len(s.attrs)-1]
		value := string(s.doc[a.value.start:a.value.end])
		order := 1 + indexOf(string(a.name.full), "version", "encoding", "standalone")
		if order <= last || last == 0 && order > 1 {
			return s.fail(start, "an XML declaration has version, encoding and standalone, once and in this order")
		}
		last = order
		switch {
		case order == 1 && value != "1.0":
			return s.fail(start, `the XML version %q is not taken; send version="1.0"`, value)
		case order == 2 && !isEncodingName(value):
			return s.fail(start, "%q is no name of a character encoding", value)
		case order == 3 && value != "yes" && value != "no":
			return s.fail(start, `standalone must be "yes" or "no"`)
		case order == 2:
			d.encoding = value
		}
	}
	if s.pos < len(s.doc) || last == 0 {
		return s.fail(s.pos, `the XML declaration must read <?xml version="1.0" encoding="…"?>`)
	}
	return nil
}

func indexOf(s string, of ...string) int {
	for i, o := range of {
		if s == o {
			return i
		}
	}
	return -1
}

// isEncodingName checks XML 1.0 §4.3.3.
func isEncodingName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || '9' < c) && !strings.ContainsRune("._-", rune(c))) {
			return false
		}
	}
	return s != ""
}
