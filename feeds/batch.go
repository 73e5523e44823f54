package feeds

import "strings"

// feedContext is what the entries of a feed document inherit from it.
type feedContext struct {
	attrs   []inherited
	base    string // xml:base
	lang    string // xml:lang
	authors []Person
	rights  *Text // nil for none
	spent   int   // bytes that entries have inherited so far
	// The feed's own, which entries do not inherit.
	name, title string
}

// spend counts n bytes that an entry inherits, for a thousand entries can inherit much.
func (c *feedContext) spend(n, most int) error {
	if n > maxRun {
		return ErrLongText
	}
	if c.spent += n; c.spent > most {
		return &LimitError{What: "what entries inherit from their feed in bytes", Max: most}
	}
	return nil
}

// inherited is a namespace declaration, xml:lang or xml:space of a feed's start tag.
type inherited struct {
	space, local string
	source       string // with a space before it
}

// batch reads a document whose root is a feed. Its own metadata is not kept,
// but for what its entries would mean something else without.
func (p *parser) batch(root token) (*Document, error) {
	c := p.feedContext(root)
	p.lim.Depth++ // it counts from the entry on
	var drafts []*draft
	for {
		t, err := p.next()
		if err != nil {
			return nil, err
		}
		if t.kind == endTag {
			break
		}
		if t.kind != startTag {
			continue
		}
		d, err := p.feedChild(*t, c, len(drafts))
		if err != nil {
			return nil, err
		}
		if d != nil {
			drafts = append(drafts, d)
		}
	}
	if err := p.epilog(); err != nil {
		return nil, err
	}
	if len(drafts) == 0 && !p.lim.Archive {
		return nil, p.fail(root.start, "<%s> holds no entry to publish", root.name.full)
	}
	return p.detach(drafts, c)
}

// feedChild reads a child of the feed, and returns a draft if it is an entry.
func (p *parser) feedChild(t token, c *feedContext, count int) (*draft, error) {
	if t.space == NamespaceAtom {
		switch string(t.name.localPart()) {
		case "entry":
			if count == p.lim.Entries {
				return nil, &LimitError{What: "entries in a feed document", Max: p.lim.Entries}
			}
			return p.inheritingEntry(t, c)
		case "author":
			var a Person
			err := p.person(t, &a, c.base)
			c.authors = append(c.authors, a)
			return nil, err
		case "rights":
			return nil, p.feedRights(t, c)
		case "title":
			if typ, typed := p.attr("type"); !typed || string(typ) == "text" {
				err := p.noteText(&c.title)
				c.title = strings.TrimSpace(c.title)
				return nil, err
			}
		}
	}
	if t.space == NamespaceTombstone && string(t.name.localPart()) == "deleted-entry" && !p.lim.Archive {
		return nil, p.fail(t.start, `<%s> would delete nothing; leave it out, and send DELETE to the link "edit" of the entry`, t.name.full)
	}
	if t.space == NamespaceMQ && string(t.name.localPart()) == "feed" {
		return nil, p.noteText(&c.name) // as it is: a name may begin or end with a space
	}
	return nil, p.skip()
}

// noteText notes the text in the element that has just begun.
func (p *parser) noteText(to *string) error {
	outer := p.depth() - 1
	var text []byte
	for p.depth() > outer {
		n, err := p.next()
		if err != nil {
			return err
		}
		if n.kind == charData || n.kind == cdata {
			text = p.textOf(text, n)
		}
	}
	*to = string(text)
	return nil
}

// feedContext takes from the latest start tag, the feed's, what entries inherit.
func (p *parser) feedContext(root token) *feedContext {
	lang, _ := p.attrIn(NamespaceXML, "lang")
	c := &feedContext{lang: string(lang)}
	defaulted := p.declaresDefault()
	for i := range p.attrs {
		a := &p.attrs[i]
		local := string(a.name.localPart())
		_, declares := a.declares()
		switch {
		case a.space == NamespaceXML && local == "base":
			c.base = string(p.value(a.value))
		case declares, a.space == NamespaceXML && (local == "lang" || local == "space"):
			c.attrs = append(c.attrs, inherited{a.space, local, " " + string(p.doc[a.start:a.value.end+1])})
		}
	}
	if !defaulted {
		p.maxBound--
		c.attrs = append(c.attrs, inherited{namespaceXMLNS, "xmlns", namespaceEdit(root, false)})
	}
	return c
}

// inheritingEntry reads an entry of a feed, the one whose start tag is t.
func (p *parser) inheritingEntry(t token, c *feedContext) (*draft, error) {
	var attributes strings.Builder
	added := 0
	for _, in := range c.attrs {
		if !p.has(in.space, in.local) {
			attributes.WriteString(in.source)
			added++
		}
	}
	base, edits := p.rebase(c.base)
	attributes.WriteString(base)
	if base != "" {
		added++
	}
	if err := p.room(added); err != nil {
		return nil, err
	}
	more := attributes.Len()
	for _, e := range edits {
		more += len(e.text)
	}
	if err := c.spend(more, p.lim.Bytes); err != nil {
		return nil, err
	}
	if more+t.end-t.start > maxRun {
		return nil, ErrLongText
	}
	p.names, p.leaps, p.letGo = more, more, t.start-more
	d, err := p.entry(t)
	if err != nil {
		return nil, err
	}
	d.attributes, d.baseEdit = attributes.String(), edits
	return d, nil
}

// rebase makes the xml:base of the latest start tag, an entry's, good without its
// feed: as an attribute to add, or as an edit of the one it has.
func (p *parser) rebase(outer string) (attribute string, edits []edit) {
	if outer == "" {
		return "", nil
	}
	if a := p.attrOf(NamespaceXML, "base"); a != nil {
		base := resolve(outer, string(p.value(a.value)))
		return "", []edit{{span{a.value.start - 1, a.value.end + 1}, `"` + string(appendEscapedValue(nil, base)) + `"`}}
	}
	return ` xml:base="` + string(appendEscapedValue(nil, outer)) + `"`, nil
}

// detach makes entries that stand without their feed.
func (p *parser) detach(drafts []*draft, c *feedContext) (*Document, error) {
	doc := &Document{Batch: true, Feed: c.name, Title: c.title, Entries: make([]*Entry, len(drafts))}
	for i, d := range drafts {
		children := c.childrenFor(d)
		if err := c.spend(len(children), p.lim.Bytes); err != nil {
			return nil, err
		}
		d.rootEdits(d.attributes, children)
		doc.Entries[i] = d.finish(p.doc, span{d.root.start, d.end})
	}
	return doc, nil
}

// childrenFor writes the feed's authors and rights, where d has none, in the dress of its root.
func (c *feedContext) childrenFor(d *draft) string {
	w := writer{prefix: d.root.name.prefix()}
	if d.seen&seenAuthor == 0 && len(c.authors) > 0 {
		for _, a := range c.authors {
			w.author(a)
		}
		d.Absent &^= PartAuthor
	}
	if d.seen&(seenRights|seenSourceRights) == 0 && c.rights != nil {
		w.text("rights", c.rights)
	}
	return string(w.dst)
}

// feedRights reads the rights t of a feed, which are those of its entries that have none (RFC 4287
// §4.2.10). They say themselves what is in force around them; XHTML becomes HTML, which needs no
// namespaces.
func (p *parser) feedRights(t token, c *feedContext) error {
	if c.rights != nil {
		return p.fail(t.start, "<%s> stands twice; a feed has at most one", t.name.full)
	}
	x, err := p.viewText(&View{Lang: c.lang, Base: c.base}, t, p.textMode)
	if err != nil {
		return err
	}
	if len(x.Lang)+len(x.Base) > longText { // a large tag, of which the entry's parser would know nothing
		return &LimitError{What: "xml:lang and xml:base of a feed's rights in bytes", Max: longText}
	}
	if !isIRI(x.Base) { // a relative one that the feed has is the entry's as well
		x.Base = ""
	}
	if x.Type == "xhtml" {
		x.Type, x.Body, x.Base = "html", appendHTML(nil, x.Body, x.Base), ""
	}
	c.rights = &x
	return nil
}
