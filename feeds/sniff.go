package feeds

import "bytes"

// LooksLikeAtom reports whether doc starts as an Atom document does: past a
// byte order mark, white space, an XML declaration and comments stands <entry or
// <feed, with a prefix or without.
func LooksLikeAtom(doc []byte) bool {
	doc = asciiOf(doc)
	for {
		doc = bytes.TrimLeft(doc, " \t\r\n")
		rest, ok := bytes.CutPrefix(doc, []byte("<?"))
		closing := "?>"
		if !ok {
			rest, ok = bytes.CutPrefix(doc, []byte("<!--"))
			closing = "-->"
		}
		if !ok {
			return startsWithAtom(doc)
		}
		_, doc, _ = bytes.Cut(rest, []byte(closing))
	}
}

// maxProlog bounds how far LooksLikeAtom reads UTF-16, and a root's name, in bytes.
const maxProlog = 4096

// asciiOf returns the beginning of doc without byte order mark and, when it is in UTF-16, in
// ASCII: markup is, and what is not has no part in the decision.
func asciiOf(doc []byte) []byte {
	doc = bytes.TrimPrefix(doc, []byte("\xEF\xBB\xBF"))
	if len(doc) < 2 || doc[0] != 0 && doc[1] != 0 && doc[0] < 0xFE {
		return doc
	}
	out := make([]byte, 0, maxProlog/2)
	for _, c := range doc[:min(len(doc), maxProlog)] {
		if 0 < c && c < 0x80 {
			out = append(out, c)
		}
	}
	return out
}

// startsWithAtom reports whether doc starts with the start tag of an entry or a feed.
func startsWithAtom(doc []byte) bool {
	if len(doc) == 0 || doc[0] != '<' {
		return false
	}
	s := scanner{doc: doc[:min(len(doc), maxProlog)], pos: 1}
	n, err := s.qName("an element's name")
	local := string(n.localPart())
	return err == nil && (local == "entry" || local == "feed")
}
