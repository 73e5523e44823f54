package feeds

import "bytes"

// attribute is one of a start tag. Its value is raw: between the quotes, as written.
type attribute struct {
	name  name
	space string // namespace name, "" for an attribute without prefix
	value span
	start int
}

// declares reports whether a is a namespace declaration, and of which prefix.
func (a *attribute) declares() (prefix []byte, ok bool) {
	switch {
	case string(a.name.prefix()) == "xmlns":
		return a.name.localPart(), true
	case string(a.name.full) == "xmlns":
		return nil, true
	}
	return nil, false
}

// readStartTag reads a start tag or an empty-element tag.
func (s *scanner) readStartTag() (*token, error) {
	if len(s.open) == 0 && s.rooted {
		return nil, s.fail(s.pos, "the document has a second root element; send several entries in a <feed>")
	}
	if len(s.open) >= s.lim.Depth {
		return nil, &LimitError{What: "element depth", Max: s.lim.Depth}
	}
	t := &s.tok
	t.kind, t.start = startTag, s.pos
	s.pos++
	var err error
	if t.name, err = s.qName("an element's name"); err != nil {
		return nil, err
	}
	if t.empty, err = s.attributes(); err != nil {
		return nil, err
	}
	t.end = s.pos
	if t.end-t.start > largeTag {
		if err := s.leap(t.end - t.start); err != nil {
			return nil, err
		}
	}
	if t.space, err = s.push(t); err != nil {
		return nil, err
	}
	if s.names > maxNames {
		return nil, &LimitError{What: "the names in an entry in bytes", Max: maxNames}
	}
	s.run, s.closing = 0, t.empty
	return t, nil
}

// leap counts a large tag. libxml2 lets go of what it has read only where the end of a
// token lies 250 to 500 bytes before the end of its buffer, which grows by 4,000. So
// each large tag may cost it one such chance, and those bytes; a long text never does.
func (s *scanner) leap(size int) error {
	if size > maxRun {
		return ErrLongText
	}
	s.leaps += size + 4000
	if s.leaps > maxHeld && s.pos-s.letGo > maxHeld {
		return &LimitError{What: "large tags without long text between them in bytes", Max: maxHeld}
	}
	return nil
}

// attributes reads a start tag from behind its name to its end.
func (s *scanner) attributes() (empty bool, err error) {
	s.attrs = s.attrs[:0]
	for {
		spaced := s.skipSpace()
		if s.pos == len(s.doc) {
			return false, s.fail(s.pos, "the document ends in the middle of a tag")
		}
		switch c := s.doc[s.pos]; {
		case c == '>':
			s.pos++
			return false, nil
		case c == '/' && s.pos+1 < len(s.doc) && s.doc[s.pos+1] == '>':
			s.pos += 2
			return true, nil
		case !spaced:
			return false, s.fail(s.pos, "%q may not stand here in a tag; attributes are parted by white space", c)
		}
		if err := s.attribute(); err != nil {
			return false, err
		}
	}
}

func (s *scanner) attribute() error {
	if len(s.attrs) == s.lim.Attributes {
		return &LimitError{What: "attributes of one element", Max: s.lim.Attributes}
	}
	a := attribute{start: s.pos}
	var err error
	if a.name, err = s.qName("an attribute's name"); err != nil {
		return err
	}
	s.skipSpace()
	if s.pos == len(s.doc) || s.doc[s.pos] != '=' {
		return s.fail(s.pos, `the attribute %s has no value; write %s="…"`, a.name.full, a.name.full)
	}
	s.pos++
	s.skipSpace()
	if a.value, err = s.attributeValue(a.name); err != nil {
		return err
	}
	s.attrs = append(s.attrs, a)
	return nil
}

func (s *scanner) attributeValue(n name) (span, error) {
	if s.pos == len(s.doc) || s.doc[s.pos] != '"' && s.doc[s.pos] != '\'' {
		return span{}, s.fail(s.pos, "the value of the attribute %s is not in quotes", n.full)
	}
	quote, references := s.doc[s.pos], false
	v := span{s.pos + 1, s.pos + 1}
	for ; v.end < len(s.doc) && s.doc[v.end] != quote; v.end++ {
		switch s.doc[v.end] {
		case '<':
			return span{}, s.fail(v.end, `"<" may not stand in an attribute's value; write "&lt;"`)
		case '&':
			references = true
		}
	}
	if v.end == len(s.doc) {
		return span{}, s.fail(s.pos, "the value of the attribute %s is not closed", n.full)
	}
	s.pos = v.end + 1
	if references {
		return v, s.checkReferences(v.start, v.end)
	}
	return v, nil
}

// readEndTag reads an end tag.
func (s *scanner) readEndTag() (*token, error) {
	start := s.pos
	s.pos += 2
	if s.closesInnermost() {
		s.run = 0
		return s.pop(start), nil
	}
	n, err := s.qName("an element's name")
	if err != nil {
		return nil, err
	}
	s.skipSpace()
	if s.pos == len(s.doc) || s.doc[s.pos] != '>' {
		return nil, s.fail(s.pos, "the end tag </%s> is not closed", n.full)
	}
	s.pos++
	if len(s.open) == 0 {
		return nil, s.fail(start, "</%s> closes nothing", n.full)
	}
	if top := s.open[len(s.open)-1]; !bytes.Equal(top.name, n.full) {
		return nil, s.fail(start, "</%s> stands where <%s> must be closed", n.full, top.name)
	}
	if s.pos-start > maxRun {
		return nil, ErrLongText
	}
	s.run = 0
	return s.pop(start), nil
}

// closesInnermost goes on behind the rest of an end tag that reads as nearly all do: the
// innermost element's name and ">".
func (s *scanner) closesInnermost() bool {
	if len(s.open) == 0 {
		return false
	}
	name := s.open[len(s.open)-1].name
	end := s.pos + len(name)
	if end >= len(s.doc) || s.doc[end] != '>' || !bytes.Equal(s.doc[s.pos:end], name) {
		return false
	}
	s.pos = end + 1
	return true
}

// push opens the element of a start tag and returns its namespace.
func (s *scanner) push(t *token) (space string, err error) {
	outer := len(s.bound)
	if !s.rooted {
		s.rooted = true
		if t.name.local == 0 {
			s.bound[0].space = s.implied
		}
	}
	if err := s.bind(); err != nil {
		return "", err
	}
	if space, err = s.resolve(t); err != nil {
		return "", err
	}
	s.open = append(s.open, element{name: t.name.full, bound: outer})
	return space, nil
}

// pop closes the innermost element, whose end tag starts at start.
func (s *scanner) pop(start int) *token {
	e := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	s.bound = s.bound[:e.bound]
	s.tok.kind, s.tok.start, s.tok.end = endTag, start, s.pos
	return &s.tok
}
