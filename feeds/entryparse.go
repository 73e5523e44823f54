package feeds

import (
	"bytes"
	"strings"
)

// seen is a set of what stood in an entry.
type seen uint16

const (
	seenContent seen = 1 << iota
	seenID
	seenPublished
	seenRights
	seenSource
	seenSummary
	seenTitle
	seenUpdated
	seenAuthor
	seenAlternate
	seenControl
	seenSourceRights
	seenRemote // content that needs a summary beside it: out of line, or base64
)

// draft is an entry while it is read.
type draft struct {
	Entry
	seen      seen
	root      token
	inner     int // where the root's start tag ends
	end       int // where the root ends
	defaulted bool
	edits     []edit
	// Of an entry in a feed: what its start tag inherits.
	attributes string
	baseEdit   []edit
}

// entry reads the entry whose start tag is root.
func (p *parser) entry(root token) (*draft, error) {
	d := &draft{root: root, inner: p.pos, defaulted: p.declaresDefault()}
	for {
		t, err := p.next()
		if err != nil {
			return nil, err
		}
		switch t.kind {
		case charData, cdata:
			if !isBlank(p.doc[t.start:t.end]) {
				return nil, p.fail(t.start, "text stands directly in <%s>; put it into <content>", root.name.full)
			}
		case startTag:
			if err := p.child(d, *t); err != nil {
				return nil, err
			}
		case endTag:
			d.end = p.pos
			if p.replacesLink() {
				d.seen |= seenRemote
			}
			d.Absent = d.seen.absent()
			return d, nil
		}
	}
}

// declaresDefault reports whether the latest start tag binds the default namespace.
func (p *parser) declaresDefault() bool {
	for i := range p.attrs {
		if prefix, ok := p.attrs[i].declares(); ok && len(prefix) == 0 {
			return true
		}
	}
	return false
}

// absent lists what the server has to fill in.
func (s seen) absent() Parts {
	var a Parts
	for _, m := range [...]struct {
		any  seen
		part Parts
	}{
		{seenID, PartID}, {seenTitle, PartTitle}, {seenUpdated, PartUpdated}, {seenPublished, PartPublished},
		{seenAuthor, PartAuthor}, {seenAlternate, PartAlternate},
	} {
		if s&m.any == 0 {
			a |= m.part
		}
	}
	if s&seenRemote != 0 && s&seenSummary == 0 {
		a |= PartSummary
	}
	return a
}

// once notes that the element t stood, and refuses a second one (RFC 4287 §4.1.2, RFC 5023
// §13.1.1).
func (p *parser) once(d *draft, t token, what seen) error {
	if d.seen&what != 0 {
		return p.fail(t.start, "<%s> stands twice; an entry has at most one", t.name.full)
	}
	d.seen |= what
	return nil
}

// child reads one element of an entry.
func (p *parser) child(d *draft, t token) error {
	switch t.space {
	case NamespaceAtom:
		return p.atomChild(d, t)
	case NamespaceApp, namespaceAppDraft:
		switch string(t.name.localPart()) {
		case "edited":
			return p.cut(d, t)
		case "control":
			return p.control(d, t)
		}
	case NamespaceMQ:
		switch string(t.name.localPart()) {
		case "id":
			return p.cut(d, t)
		case HeaderTrace, HeaderTraceState:
			return p.trace(d, t)
		}
	}
	return p.skip()
}

// cut reads an element that the server manages, and leaves it out.
func (p *parser) cut(d *draft, t token) error {
	if err := p.skip(); err != nil {
		return err
	}
	d.edits = append(d.edits, edit{span: span{t.start, p.pos}})
	return nil
}

func (p *parser) atomChild(d *draft, t token) error {
	switch string(t.name.localPart()) {
	case "id":
		return p.id(d, t)
	case "title":
		return p.title(d, t)
	case "updated":
		return p.date(d, t, seenUpdated)
	case "published":
		return p.date(d, t, seenPublished)
	case "content":
		return p.content(d, t)
	case "summary":
		return p.onceText(d, t, seenSummary)
	case "rights":
		return p.onceText(d, t, seenRights)
	case "source":
		return p.source(d, t)
	case "author":
		d.seen |= seenAuthor
		return p.person(t, nil, "")
	case "contributor":
		return p.person(t, nil, "")
	case "category":
		if !p.has("", "term") {
			return p.fail(t.start, `<%s> has no attribute term="…"`, t.name.full)
		}
	case "link":
		return p.link(d, t)
	case "control": // passed over, the draft would be published
		return p.fail(t.start, `<%s> is in Atom's namespace and has to be in that of the publishing protocol: <control xmlns="%s">`, t.name.full, NamespaceApp)
	}
	return p.skip()
}

func (p *parser) id(d *draft, t token) error {
	if err := p.once(d, t, seenID); err != nil {
		return err
	}
	b, err := p.elementText(t)
	if err != nil {
		return err
	}
	id := strings.Trim(string(b), " \t\r\n")
	if len(id) > maxID {
		return &LimitError{What: "atom:id in bytes", Max: maxID}
	}
	if !isIRI(id) {
		return p.fail(t.start, "<%s> must hold an absolute IRI such as urn:uuid:… or https://…; leave it out to be given one", t.name.full)
	}
	d.ID = id
	return nil
}

func (p *parser) date(d *draft, t token, which seen) error {
	if err := p.once(d, t, which); err != nil {
		return err
	}
	b, err := p.elementText(t)
	if err != nil {
		return err
	}
	at, ok := parseDate(b)
	if !ok {
		return p.fail(t.start, "<%s> must hold a date as RFC 3339 writes it, such as 2026-01-31T23:59:59Z", t.name.full)
	}
	if which == seenUpdated {
		d.Updated = at
	} else {
		d.Published = at
	}
	return nil
}

const ianaRelation = "http://www.iana.org/assignments/relation/"

// linkRelation returns the relation of the latest start tag, an atom:link, in its
// short form (RFC 4287 §4.2.7.2).
func (p *parser) linkRelation() string {
	rel, ok := p.attr("rel")
	if !ok {
		return "alternate"
	}
	return strings.TrimPrefix(string(rel), ianaRelation)
}

func (p *parser) link(d *draft, t token) error {
	if !p.has("", "href") {
		return p.fail(t.start, `<%s> has no attribute href="…"`, t.name.full)
	}
	switch strings.ToLower(p.linkRelation()) { // RFC 8288 §3.3: they differ by more than case
	case "edit", "edit-media":
		return p.cut(d, t)
	case "self":
		if href, _ := p.attr("href"); isMemberURL(href) {
			return p.cut(d, t)
		}
	case "alternate":
		d.seen |= seenAlternate
	}
	return p.skip()
}

// isMemberURL reports whether href reads like what memberLink writes. Links "edit" and "edit-media"
// can only be the server's (RFC 5023 §11.1, §11.2), for editing clients send their credentials
// there; a "self" link may be the word of another origin.
func isMemberURL(href []byte) bool {
	rest := len(href) - len("6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f11")
	return rest > 0 && bytes.HasSuffix(href[:rest], []byte(entriesURL)) && isUUID(href[rest:])
}

// isUUID reports whether b, which is as long as a UUID, is one in its usual form (RFC 9562 §4).
func isUUID(b []byte) bool {
	for i, c := range b {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
		}
	}
	return true
}

// control reads an app:control for whether the entry is a draft (RFC 5023 §13.1.1).
func (p *parser) control(d *draft, t token) error {
	if err := p.once(d, t, seenControl); err != nil {
		return err
	}
	outer, said := p.depth()-1, false
	for p.depth() > outer {
		n, err := p.next()
		if err != nil {
			return err
		}
		if n.kind != startTag || n.space != NamespaceApp && n.space != namespaceAppDraft || string(n.name.localPart()) != "draft" || p.depth() != outer+2 {
			continue
		}
		asked := *n
		b, err := p.elementText(asked)
		if err != nil {
			return err
		}
		value := string(bytes.TrimSpace(b))
		if said || value != "yes" && value != "no" {
			return p.fail(asked.start, `<%s> must stand once, and hold "yes" or "no"`, asked.name.full)
		}
		d.Draft, said = value == "yes", true
	}
	return nil
}

// source reads an atom:source: only its authors matter (RFC 4287 §4.2.1), and whether it has
// rights, which a feed's do not replace.
func (p *parser) source(d *draft, t token) error {
	if err := p.once(d, t, seenSource); err != nil {
		return err
	}
	authors, rights, err := p.sourceParts()
	if len(authors) > 0 {
		d.seen |= seenAuthor
	}
	if rights {
		d.seen |= seenSourceRights
	}
	return err
}
