package feeds

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
)

// View is what a person sees of an entry.
type View struct {
	Authors    []Person
	Summary    Text
	Content    Text
	Links      []Link
	Categories []Category
	Lang       string // xml:lang in force at the root
	Base       string // xml:base in force at the root
	// Message is the type and the headers that a STOMP client sent, without the body, which
	// is the content; nil for an entry born in Atom.
	Message *Message
	Trace   Trace
}

// Text is a text construct or a content element.
type Text struct {
	// Type is "text", "html", "xhtml" or a media type; "" when absent.
	Type string
	// Body is decoded: plain text, HTML source, the XHTML div's or the XML
	// document's source with every namespace it uses declared, or the bytes that base64 carried.
	Body []byte
	Src  string // atom:content/@src
	Lang string
	Base string
}

// Link is an atom:link, without the ones the server manages.
type Link struct {
	Rel, Href, Type, Title string
	Length                 string // as written
	Base                   string // xml:base in force
}

// url returns where l leads, resolved as far as the entry says.
func (l *Link) url() string { return resolve(l.Base, l.Href) }

// Category is an atom:category.
type Category struct {
	Term   string `json:"term"`
	Scheme string `json:"scheme,omitempty"`
	Label  string `json:"label,omitempty"`
}

// Inspect reads the parts of a live member that a person sees. An entry without an
// author of its own has those of its atom:source, if it has one.
func Inspect(m *Member) (*View, error) {
	if m.Deleted {
		return nil, errors.New("inspect: the entry was deleted")
	}
	p := viewing(m)
	v, err := p.view()
	if err != nil {
		return nil, fmt.Errorf("inspect entry %d: %w", m.ID, err)
	}
	if m.Media != "" {
		v.Content = Text{Type: m.Media, Src: m.UUID + mediaURL} // relative to the member's URL
	}
	return v, nil
}

// viewing returns a parser of a member's XML, with no limits in the way of what Parse took, and
// gave attributes.
func viewing(m *Member) parser {
	p := parser{scanner: newScanner(m.XML, 0, Limits{Depth: maxDepth, Attributes: math.MaxInt})}
	p.maxBound = math.MaxInt
	p.letGo, p.names = len(m.XML), -len(m.XML)
	return p
}

func (p *parser) view() (*View, error) {
	if _, err := p.prolog(); err != nil {
		return nil, err
	}
	v := &View{}
	v.Lang, v.Base = p.inherit("", "")
	var source []Person
	for {
		t, err := p.next()
		if err != nil {
			return nil, err
		}
		switch t.kind {
		case startTag:
			if err := p.viewChild(v, *t, &source); err != nil {
				return nil, err
			}
		case endTag:
			if v.Authors == nil {
				v.Authors = source
			}
			return v, nil
		}
	}
}

// inherit returns the language and the base in force within the latest start tag.
func (p *parser) inherit(lang, base string) (string, string) {
	if b, ok := p.attrIn(NamespaceXML, "lang"); ok {
		lang = string(b)
	}
	if b, ok := p.attrIn(NamespaceXML, "base"); ok {
		base = resolve(base, string(b))
	}
	return lang, base
}

func (p *parser) viewChild(v *View, t token, source *[]Person) (err error) {
	if t.space == NamespaceStomp && string(t.name.localPart()) == "message" && v.Message == nil {
		v.Message, err = p.message()
		return err
	}
	if t.space == NamespaceMQ {
		return p.viewTrace(v, string(t.name.localPart()))
	}
	if t.space != NamespaceAtom {
		return p.skip()
	}
	switch string(t.name.localPart()) {
	case "author":
		var a Person
		err = p.person(t, &a, "")
		v.Authors = append(v.Authors, a)
		return err
	case "source":
		*source, _, err = p.sourceParts()
		return err
	case "summary":
		v.Summary, err = p.viewText(v, t, p.textMode)
		return err
	case "content":
		v.Content, err = p.viewText(v, t, p.contentMode)
		return err
	case "link":
		l := Link{Rel: p.linkRelation(), Href: p.attrString("href"), Type: p.attrString("type"), Title: p.attrString("title"), Length: p.attrString("length")}
		_, l.Base = p.inherit("", v.Base)
		v.Links = append(v.Links, l)
	case "category":
		v.Categories = append(v.Categories, p.category())
	}
	return p.skip()
}

// category returns what the category that has just begun says.
func (p *parser) category() Category {
	return Category{Term: p.attrString("term"), Scheme: p.attrString("scheme"), Label: p.attrString("label")}
}

// attrString is attr for those who need a string of their own.
func (p *parser) attrString(local string) string {
	b, _ := p.attr(local)
	return string(b)
}

// sourceParts reads the atom:source that has just begun for its authors, and whether it has rights.
func (p *parser) sourceParts() (authors []Person, rights bool, err error) {
	outer := p.depth() - 1
	for p.depth() > outer {
		t, err := p.next()
		if err != nil {
			return nil, false, err
		}
		if t.kind != startTag || t.space != NamespaceAtom || p.depth() != outer+2 {
			continue
		}
		switch string(t.name.localPart()) {
		case "author":
			var a Person
			if err := p.person(*t, &a, ""); err != nil {
				return nil, false, err
			}
			authors = append(authors, a)
		case "rights":
			rights = true
		}
	}
	return authors, rights, nil
}

// viewText reads the text construct or content t.
func (p *parser) viewText(v *View, t token, modeOf func(token) (mode, error)) (Text, error) {
	m, err := modeOf(t)
	if err != nil {
		return Text{}, err
	}
	x := Text{Type: p.attrString("type"), Src: p.attrString("src")}
	x.Lang, x.Base = p.inherit(v.Lang, v.Base)
	if x.Type == "" && m == modeText {
		x.Type = "text"
	}
	switch m {
	case modeXHTML:
		x.Body, err = p.viewXHTML()
	case modeXML:
		x.Body, err = p.viewXML()
	case modeBase64:
		var b []byte
		if b, err = p.elementText(t); err == nil {
			x.Body, err = decodeBase64(b)
		}
	default:
		x.Body, err = p.elementText(t)
		x.Body = bytes.Clone(x.Body)
	}
	return x, err
}

func decodeBase64(b []byte) ([]byte, error) {
	packed := make([]byte, 0, len(b))
	for _, c := range b {
		if !isSpace(c) {
			packed = append(packed, c)
		}
	}
	return base64.StdEncoding.AppendDecode(nil, packed)
}

// viewXHTML reads the rest of a text construct, and returns its div.
func (p *parser) viewXHTML() (div []byte, err error) {
	for {
		t, err := p.next()
		if err != nil || t.kind == endTag {
			return div, err
		}
		if t.kind == startTag {
			root := *t
			edits, err := p.declare(root, false)
			if err != nil {
				return nil, err
			}
			div = bytes.Clone(splice(p.doc, span{root.start, p.pos}, edits))
		}
	}
}

// viewXML reads the rest of a content element, and returns the document in it.
func (p *parser) viewXML() ([]byte, error) {
	inner := p.pos
	var edits []edit
	elements := 0
	var text []byte
	for {
		t, err := p.next()
		if err != nil {
			return nil, err
		}
		switch t.kind {
		case startTag:
			elements++
			if edits, err = p.declare(*t, true); err != nil {
				return nil, err
			}
		case charData, cdata:
			text = p.textOf(text, t)
		case endTag:
			if elements == 0 {
				return decodeBase64(text)
			}
			return bytes.Clone(splice(p.doc, span{inner, t.start}, edits)), nil
		}
	}
}

// usePrefixes marks the bindings around the element that has just begun which it may use in values
// (xsi:type="xs:int"), where only who knows its schema sees them: all prefixes, but for those of the
// entry's own elements.
func (p *parser) usePrefixes(used []bool) {
	for i, b := range p.bound[:len(used)] {
		switch b.space {
		case NamespaceAtom, NamespaceStomp, NamespaceMQ:
		default:
			used[i] = len(b.prefix) > 0 && p.find(b.prefix) == i
		}
	}
}

// declare reads up to the end of the element that has just begun, whose start tag is t, and returns
// the edits after which it declares every namespace that its names use and, where it says so, its
// values may.
func (p *parser) declare(t token, values bool) ([]edit, error) {
	outer := p.open[len(p.open)-1].bound
	used := make([]bool, outer)
	if values {
		p.usePrefixes(used)
	}
	note := func(prefix []byte) {
		if i := p.find(prefix); i >= 0 && i < outer {
			used[i] = true
		}
	}
	depth := p.depth() - 1
	for n := &t; ; {
		if n.kind == startTag {
			note(n.name.prefix())
			for i := range p.attrs {
				if a := &p.attrs[i]; a.name.local > 0 && a.space != namespaceXMLNS {
					note(a.name.prefix())
				}
			}
		}
		if p.depth() == depth {
			return p.declarations(t, used), nil
		}
		var err error
		if n, err = p.next(); err != nil {
			return nil, err
		}
	}
}

// declarations returns the edit that puts the bindings which are used into the tag t.
func (p *parser) declarations(t token, used []bool) []edit {
	var w writer
	for i, b := range p.bound[:len(used)] {
		switch {
		case !used[i], b.space == NamespaceXML, len(b.prefix) == 0 && b.space == "":
		case len(b.prefix) == 0:
			w.attribute("xmlns", b.space)
		default:
			w.attribute("xmlns:"+string(b.prefix), b.space)
		}
	}
	if len(w.dst) == 0 {
		return nil
	}
	at := t.start + 1 + len(t.name.full)
	return []edit{{span{at, at}, string(w.dst)}}
}
