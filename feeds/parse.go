package feeds

// Document is a parsed Atom document.
type Document struct {
	Entries []*Entry
	Batch   bool // its root was <feed>
	// Of a feed document: the name that an archive of AtomMQ gives the feed, and its title, where
	// that is plain text.
	Feed, Title string
}

// Parse reads an Atom entry or feed document in UTF-8, UTF-16, ISO-8859-1 or
// US-ASCII. charset is the transport's word on the encoding, "" for none. doc is not
// changed and may be kept by the result. It returns a *SyntaxError, *LimitError or *EncodingError.
//
// It is strict about XML and about what RFC 4287 gives a meaning to, and lenient where
// nobody is misled: what may be left out is listed in Parts; markup that RFC 4287 does not
// know is kept unread; several "alternate" links of one type and language are taken,
// although §4.1.2 forbids them. A root without a namespace is taken as Atom.
func Parse(doc []byte, charset string, lim Limits) (*Document, error) {
	return ParseFor(nil, doc, charset, lim)
}

// ParseFor does so for a document that is to replace m, nil for none. Where that links to media,
// the content is the server's: the document's is left out, if it is what a client was given, or
// else a *SyntaxError.
func ParseFor(m *Member, doc []byte, charset string, lim Limits) (*Document, error) {
	lim = lim.withDefaults()
	if len(doc) > lim.Bytes {
		return nil, &LimitError{What: "document size in bytes", Max: lim.Bytes}
	}
	doc, start, err := decode(doc, charset)
	if err != nil {
		return nil, err
	}
	if len(doc) > lim.Bytes {
		return nil, &LimitError{What: "document size in bytes", Max: lim.Bytes}
	}
	p := parser{scanner: newScanner(doc, start, lim), replaces: m}
	p.implied = NamespaceAtom
	return p.document()
}

// parser reads what an entry or a feed is made of.
type parser struct {
	*scanner
	buf      []byte  // what elementText returned last
	replaces *Member // nil for none
}

// replacesLink reports whether the document is to replace an entry that links to media.
func (p *parser) replacesLink() bool { return p.replaces != nil && p.replaces.Media != "" }

func (p *parser) document() (*Document, error) {
	start := p.pos
	root, err := p.prolog()
	if err != nil {
		return nil, err
	}
	switch {
	case root.space == NamespaceAtom && string(root.name.localPart()) == "entry":
		return p.single(start, root)
	case root.space == NamespaceAtom && string(root.name.localPart()) == "feed":
		return p.batch(root)
	case string(root.name.localPart()) == "entry", string(root.name.localPart()) == "feed":
		return nil, p.fail(root.start, `<%s> is in the namespace %q; Atom's is xmlns="%s"`, root.name.full, root.space, NamespaceAtom)
	}
	return nil, p.fail(root.start, "the root element is <%s>; an Atom document's is <entry> or <feed>", root.name.full)
}

// single reads a document whose root is an entry.
func (p *parser) single(start int, root token) (*Document, error) {
	added := 0
	if !p.declaresDefault() {
		added = 1
		p.maxBound--
	}
	if err := p.room(added); err != nil {
		return nil, err
	}
	d, err := p.entry(root)
	if err != nil {
		return nil, err
	}
	if err := p.epilog(); err != nil {
		return nil, err
	}
	outer := span{start, len(p.doc)}
	for isSpace(p.doc[outer.start]) {
		outer.start++
	}
	for isSpace(p.doc[outer.end-1]) {
		outer.end--
	}
	d.rootEdits(namespaceEdit(root, d.defaulted), "")
	return &Document{Entries: []*Entry{d.finish(p.doc, outer)}}, nil
}

// room checks that the latest start tag, an entry's, may get more attributes, and the
// entry the server's elements: what is served can be put back.
func (p *parser) room(more int) error {
	if len(p.attrs)+more > p.lim.Attributes {
		return &LimitError{What: "attributes of an entry, with those it is given,", Max: p.lim.Attributes}
	}
	if most := p.maxBound - spareBindings; len(p.bound) > most {
		return &LimitError{What: "namespace declarations in scope of an entry", Max: most}
	}
	return nil
}

// prolog reads up to the root's start tag.
func (p *parser) prolog() (token, error) {
	for {
		t, err := p.next()
		if err != nil {
			return token{}, err
		}
		if t.kind == startTag {
			return *t, nil
		}
	}
}

// epilog reads what follows the root element.
func (p *parser) epilog() error {
	for {
		t, err := p.next()
		if err != nil || t.kind == endOfDocument {
			return err
		}
	}
}

// skip reads up to the end of the element that has just begun.
func (p *parser) skip() error {
	outer := p.depth() - 1
	for p.depth() > outer {
		if _, err := p.next(); err != nil {
			return err
		}
	}
	return nil
}

// elementText reads up to the end of the element t, which may hold nothing but text, and returns
// that. It is good until the next call.
func (p *parser) elementText(t token) ([]byte, error) {
	var whole []byte // the text, as long as it is a plain piece of the document
	p.buf = p.buf[:0]
	for {
		n, err := p.next()
		if err != nil {
			return nil, err
		}
		switch n.kind {
		case charData, cdata:
			raw := p.doc[n.start:n.end]
			if n.kind == charData && whole == nil && len(p.buf) == 0 && isPlain(raw) {
				whole = raw
				continue
			}
			p.buf = p.textOf(append(p.buf, whole...), n)
			whole = nil
		case startTag:
			return nil, p.fail(n.start, `<%s> stands in <%s>, which holds text only; write "<" as "&lt;"`, n.name.full, t.name.full)
		case endTag:
			if whole != nil {
				return whole, nil
			}
			return p.buf, nil
		}
	}
}
