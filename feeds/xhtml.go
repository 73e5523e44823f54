package feeds

import (
	"bytes"
	"html"
	"math"
)

const (
	namespaceSVG  = "http://www.w3.org/2000/svg"
	namespaceMath = "http://www.w3.org/1998/Math/MathML"
	// maxResolved bounds what resolved references add to a page, in bytes: there can be a million
	// of them, and the base be long.
	maxResolved = 1 << 20
)

// htmlWriter writes XHTML as HTML, which has no prefixes, CDATA sections or empty-element tags.
type htmlWriter struct {
	*parser
	dst   []byte
	open  []htmlElement
	spare int // bytes that resolved references may still add
}

// htmlElement is an open element.
type htmlElement struct {
	name string // that the end tag is to have, "" for none
	base string // in force within
	code bool   // whose text HTML reads as it stands
}

// appendHTML appends what is in an XHTML div, whose source declares every namespace that it uses,
// as HTML. References in it are resolved where a base is in force; markup of other vocabularies
// than HTML, SVG and MathML is left out, but not its text.
func appendHTML(dst, div []byte, base string) []byte {
	p := parser{scanner: newScanner(div, 0, Limits{Depth: maxDepth, Attributes: math.MaxInt})}
	p.maxBound = math.MaxInt
	p.letGo, p.names = len(div), -len(div) // Parse has taken it
	w := htmlWriter{parser: &p, dst: dst, spare: maxResolved}
	w.open = append(w.open, htmlElement{base: base})
	for {
		t, err := p.next()
		if err != nil {
			return w.dst
		}
		switch t.kind {
		case startTag:
			w.start(t)
		case endTag:
			w.end()
		case charData, cdata:
			w.text(t)
		case endOfDocument:
			return w.dst
		}
	}
}

func (w *htmlWriter) outer() *htmlElement { return &w.open[len(w.open)-1] }

func (w *htmlWriter) start(t *token) {
	local := string(t.name.localPart())
	e := htmlElement{}
	_, e.base = w.inherit("", w.outer().base)
	foreign := t.space == namespaceSVG || t.space == namespaceMath
	if w.depth() > 1 && (foreign || t.space == NamespaceXHTML) { // the div itself is no part of it, RFC 4287 §3.1.1.3
		w.dst = append(append(w.dst, '<'), local...)
		w.attributes(e.base)
		switch {
		case foreign && t.empty:
			w.dst = append(w.dst, '/')
		case foreign || !isVoid(local):
			e.name = local
		}
		w.dst = append(w.dst, '>')
		e.code = !foreign && (local == "script" || local == "style")
	}
	w.open = append(w.open, e)
}

func (w *htmlWriter) end() {
	if name := w.outer().name; name != "" {
		w.dst = append(append(append(w.dst, "</"...), name...), '>')
	}
	w.open = w.open[:len(w.open)-1]
}

func (w *htmlWriter) text(t *token) {
	text := w.textOf(w.buf[:0], t)
	w.buf = text
	switch {
	case !w.outer().code:
		w.dst = appendEscapedText(w.dst, text)
	case !bytes.Contains(text, []byte("</")) && !bytes.Contains(text, []byte("<!")):
		w.dst = append(w.dst, text...) // else it would end elsewhere, or go on
	}
}

// attributes appends those of the latest start tag that HTML knows.
func (w *htmlWriter) attributes(base string) {
	for i := range w.attrs {
		a := &w.attrs[i]
		local := string(a.name.localPart())
		value := w.value(a.value)
		switch {
		case a.space == NamespaceXML && local == "lang" && !w.has("", "lang"):
		case a.space == "" && a.name.local == 0 && local != "xmlns":
			if base != "" && holdsReference(local) {
				value = w.resolved(base, value)
			}
		default:
			continue
		}
		w.dst = append(append(append(w.dst, ' '), local...), '=', '"')
		w.dst = append(append(w.dst, html.EscapeString(string(value))...), '"')
	}
}

// resolved resolves a reference, as long as that may make the page longer.
func (w *htmlWriter) resolved(base string, ref []byte) []byte {
	if len(base) > w.spare {
		return ref
	}
	out := resolve(base, string(ref))
	w.spare -= len(out)
	return []byte(out)
}

func holdsReference(attribute string) bool {
	switch attribute {
	case "href", "src", "cite", "action", "poster", "data", "longdesc":
		return true
	}
	return false
}

// isVoid reports whether an element of HTML has neither content nor end tag.
func isVoid(name string) bool {
	switch name {
	case "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr":
		return true
	}
	return false
}
