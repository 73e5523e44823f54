package feeds

import (
	"bytes"
	"unicode/utf8"
)

// kind says what a token is.
type kind uint8

const (
	startTag kind = iota + 1
	endTag
	charData // with references in it
	cdata
	comment
	procInst
	endOfDocument
)

// token is a piece of the document: doc[start:end]. An empty-element tag comes
// as a startTag and an endTag of no length. name, space and empty are a start tag's.
type token struct {
	kind       kind
	start, end int
	name       name
	space      string // namespace name
	empty      bool   // an empty-element tag
}

// name is a qualified name as written.
type name struct {
	full  []byte
	local int // where the local part starts, behind the colon if there is one
}

func (n name) localPart() []byte { return n.full[n.local:] }

func (n name) prefix() []byte { return n.full[:max(n.local-1, 0)] }

// span is a range of the document.
type span struct{ start, end int }

// element is an open element.
type element struct {
	name  []byte // as written
	bound int    // bindings in force outside of it
}

// scanner reads a document in UTF-8 token by token, and refuses what is not
// well-formed XML 1.0 with namespaces. Nothing that it returns is copied.
type scanner struct {
	doc []byte
	pos int
	lim Limits
	tok token // the latest

	open  []element
	bound []binding
	attrs []attribute // of the latest start tag

	maxBound int // of len(bound)

	// implied is the namespace of a root without prefix and declaration.
	implied string
	rooted  bool // the root has begun
	closing bool // the latest tag was an empty-element tag
	run     int  // bytes of text up to here, which readers join

	names int // bytes of names and namespace names so far
	letGo int // up to where libxml2 has surely let go of what it read
	leaps int // bytes behind letGo that it may still hold, see leap

	// What open, bound and attrs start in, so that a usual entry needs no more.
	openBuf  [12]element
	boundBuf [8]binding
	attrsBuf [8]attribute
}

// ErrLongText is about a text, a comment or a tag that is longer than libxml2 reads.
var ErrLongText = &LimitError{What: "length of one text or tag in bytes", Max: maxRun}

var prefixXML = []byte("xml")

// newScanner returns a scanner of a document whose characters are all allowed,
// starting at pos, behind the XML declaration.
func newScanner(doc []byte, pos int, lim Limits) *scanner {
	s := &scanner{doc: doc, pos: pos, lim: lim, maxBound: maxBindings}
	s.open = s.openBuf[:0]
	s.bound = append(s.boundBuf[:0], binding{}, binding{prefix: prefixXML, space: NamespaceXML})
	s.attrs = s.attrsBuf[:0]
	return s
}

func (s *scanner) fail(pos int, format string, args ...any) error {
	return syntaxError(s.doc, pos, format, args...)
}

// depth is the number of open elements.
func (s *scanner) depth() int { return len(s.open) }

// next returns the next token, endOfDocument at the end. It is good until the
// next call.
func (s *scanner) next() (*token, error) {
	if s.closing {
		s.closing = false
		return s.pop(s.pos), nil
	}
	rest := s.doc[s.pos:]
	switch {
	case len(rest) == 0:
		return s.finish()
	case rest[0] != '<':
		return s.readText()
	case len(rest) == 1:
		return nil, s.fail(s.pos, "the document ends in the middle of a tag")
	}
	switch rest[1] {
	case '/':
		return s.readEndTag()
	case '?':
		return s.readProcInst()
	case '!':
		return s.declaration()
	}
	return s.readStartTag()
}

func (s *scanner) finish() (*token, error) {
	if n := len(s.open); n > 0 {
		return nil, s.fail(s.pos, "the document ends, but <%s> is not closed", s.open[n-1].name)
	}
	if !s.rooted {
		return nil, s.fail(s.pos, "the document has no root element")
	}
	return s.take(endOfDocument, s.pos)
}

// declaration reads what starts with "<!".
func (s *scanner) declaration() (*token, error) {
	rest := s.doc[s.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		return s.readComment()
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		return s.readCDATA()
	case bytes.HasPrefix(rest, []byte("<!DOCTYPE")):
		return nil, s.fail(s.pos, "a DOCTYPE is not taken; remove it and write characters in place of its entities")
	}
	return nil, s.fail(s.pos, `"<!" starts neither a comment nor a CDATA section; write "<" in text as "&lt;"`)
}

func (s *scanner) readComment() (*token, error) {
	body := s.pos + len("<!--")
	n := bytes.Index(s.doc[body:], []byte("--"))
	if n < 0 {
		return nil, s.fail(s.pos, "the comment is not closed")
	}
	if end := body + n + 2; end == len(s.doc) || s.doc[end] != '>' {
		return nil, s.fail(body+n, `"--" may not stand in a comment`)
	}
	return s.take(comment, body+n+len("-->"))
}

func (s *scanner) readCDATA() (*token, error) {
	if len(s.open) == 0 {
		return nil, s.fail(s.pos, "a CDATA section stands outside the root element")
	}
	body := s.pos + len("<![CDATA[")
	n := bytes.Index(s.doc[body:], []byte("]]>"))
	if n < 0 {
		return nil, s.fail(s.pos, "the CDATA section is not closed")
	}
	return s.take(cdata, body+n+len("]]>"))
}

func (s *scanner) readProcInst() (*token, error) {
	start := s.pos
	target, end, err := s.ncName(start+2, "a processing instruction's target")
	if err != nil {
		return nil, err
	}
	if bytes.EqualFold(target, []byte("xml")) {
		return nil, s.fail(start, "an XML declaration may stand only at the very start of the document, in lower case")
	}
	n := bytes.Index(s.doc[end:], []byte("?>"))
	if n < 0 {
		return nil, s.fail(start, "the processing instruction is not closed")
	}
	if n > 0 && s.doc[end] == ':' {
		return nil, s.fail(end, "a processing instruction's target may not hold a colon")
	}
	if n > 0 && !isSpace(s.doc[end]) {
		return nil, s.fail(end, "white space is missing after a processing instruction's target")
	}
	s.names += len(target)
	return s.take(procInst, end+n+len("?>"))
}

// take makes the token that ends at end, and goes on behind it.
func (s *scanner) take(k kind, end int) (*token, error) {
	size := end - s.pos
	if k == charData && size >= longText {
		s.letGo, s.leaps = end, 0
	}
	if k == charData || k == cdata {
		s.run += size
		size = s.run
	} else {
		s.run = 0
	}
	if size > maxRun {
		return nil, ErrLongText
	}
	s.tok.kind, s.tok.start, s.tok.end = k, s.pos, end
	s.pos = end
	return &s.tok, nil
}

// readText reads up to the next markup.
func (s *scanner) readText() (*token, error) {
	end := s.pos
	for end < len(s.doc) && isSpace(s.doc[end]) {
		end++
	}
	if end < len(s.doc) && s.doc[end] == '<' {
		return s.take(charData, end) // indentation: half of all text
	}
	end = len(s.doc)
	if n := bytes.IndexByte(s.doc[s.pos:], '<'); n >= 0 {
		end = s.pos + n
	}
	raw := s.doc[s.pos:end]
	if len(s.open) == 0 {
		return s.outerText(raw, end)
	}
	if bytes.IndexByte(raw, ']') >= 0 {
		if n := bytes.Index(raw, []byte("]]>")); n >= 0 {
			return nil, s.fail(s.pos+n, `"]]>" may not stand in text; write "]]&gt;"`)
		}
	}
	if err := s.checkReferences(s.pos, end); err != nil {
		return nil, err
	}
	return s.take(charData, end)
}

// outerText reads what stands outside the root element.
func (s *scanner) outerText(raw []byte, end int) (*token, error) {
	if !isBlank(raw) {
		at := s.pos + len(raw) - len(bytes.TrimLeft(raw, " \t\r\n"))
		if s.rooted {
			return nil, s.fail(at, "the document goes on after its root element")
		}
		return nil, s.fail(at, "the document does not start with an element")
	}
	return s.take(charData, end)
}

// ncName reads a name without a colon, at pos, and returns where it ends.
func (s *scanner) ncName(pos int, what string) (n []byte, end int, err error) {
	end = pos
	for end < len(s.doc) {
		if c := s.doc[end]; c < 0x80 {
			if classes[c]&className == 0 {
				break
			}
			end++
			continue
		}
		r, size := utf8.DecodeRune(s.doc[end:])
		if !isNameChar(r) {
			return nil, end, s.fail(end, "the character U+%04X may not stand in %s", r, what)
		}
		end += size
	}
	if end == pos {
		return nil, end, s.fail(pos, "%s is missing or starts with a character that no name may have", what)
	}
	if r, _ := utf8.DecodeRune(s.doc[pos:]); !isNameStart(r) {
		return nil, end, s.fail(pos, "%s may not start with %q", what, r)
	}
	if end-pos > maxQName {
		return nil, end, &LimitError{What: "a name in bytes", Max: maxQName}
	}
	return s.doc[pos:end], end, nil
}

// qName reads a name with at most one colon, at s.pos, and goes on behind it.
func (s *scanner) qName(what string) (name, error) {
	start := s.pos
	first, end, err := s.ncName(start, what)
	if err != nil {
		return name{}, err
	}
	n := name{}
	if end < len(s.doc) && s.doc[end] == ':' {
		n.local = len(first) + 1
		if _, end, err = s.ncName(end+1, what); err != nil {
			return name{}, err
		}
		if end < len(s.doc) && s.doc[end] == ':' {
			return name{}, s.fail(end, "%s has more than one colon", what)
		}
	}
	if end-start > maxQName {
		return name{}, &LimitError{What: "a name in bytes", Max: maxQName}
	}
	n.full = s.doc[start:end]
	s.pos = end
	s.names += end - start
	return n, nil
}

// skipSpace goes on behind white space and reports whether there was any.
func (s *scanner) skipSpace() bool {
	start := s.pos
	for s.pos < len(s.doc) && isSpace(s.doc[s.pos]) {
		s.pos++
	}
	return s.pos > start
}
