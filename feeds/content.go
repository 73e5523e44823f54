package feeds

import (
	"bytes"
	"mime"
	"strings"
)

// mode says how a content element or a text construct holds its body.
type mode uint8

const (
	modeText   mode = iota // plain text
	modeHTML               // escaped HTML
	modeXHTML              // one xhtml:div
	modeXML                // one element
	modeBase64             // bytes
	modeRemote             // nothing: the body is elsewhere
)

// textMode returns the mode of the latest start tag, a text construct (RFC 4287 §3.1.1).
func (p *parser) textMode(t token) (mode, error) {
	typ, ok := p.attr("type")
	switch {
	case !ok, string(typ) == "text":
		return modeText, nil
	case string(typ) == "html":
		return modeHTML, nil
	case string(typ) == "xhtml":
		return modeXHTML, nil
	}
	return 0, p.fail(t.start, `<%s> has the type %q; its type is "text", "html" or "xhtml"`, t.name.full, typ)
}

// contentMode returns the mode of the latest start tag, an atom:content (RFC 4287 §4.1.3).
func (p *parser) contentMode(t token) (mode, error) {
	typ, typed := p.attr("type")
	remote := p.has("", "src")
	switch {
	case !typed && remote:
		return modeRemote, nil
	case !remote && (!typed || string(typ) == "text"):
		return modeText, nil
	case !remote && string(typ) == "html":
		return modeHTML, nil
	case !remote && string(typ) == "xhtml":
		return modeXHTML, nil
	}
	media, ok := mediaType(typ)
	switch {
	case !ok:
		return 0, p.fail(t.start, `%.80q is not a media type such as "text/plain" or "image/png"`, typ)
	case strings.HasPrefix(media, "multipart/"), strings.HasPrefix(media, "message/"):
		return 0, p.fail(t.start, "%q is a composite media type, which content may not have (RFC 4287 §4.1.3.1)", typ)
	case remote:
		return modeRemote, nil
	}
	return mediaMode(media), nil
}

// mediaMode is RFC 4287 §4.1.3.3: how a media type's body is held.
func mediaMode(media string) mode {
	switch {
	case isXMLType(media):
		return modeXML
	case strings.HasPrefix(media, "text/"):
		return modeText
	}
	return modeBase64
}

// mediaType returns the type and subtype of a media type, in lower case.
func mediaType(typ []byte) (media string, ok bool) {
	switch string(typ) {
	case "text/plain", "text/html", "application/json", "application/xml", "application/octet-stream":
		return string(typ), true // without the allocations of the general case
	}
	media, _, err := mime.ParseMediaType(string(typ))
	return media, err == nil && strings.Contains(media, "/") && !strings.Contains(media, "*")
}

// IsMediaType reports whether typ is a media type, and not a range of them.
func IsMediaType(typ string) bool {
	_, ok := mediaType([]byte(typ))
	return ok
}

// IsMarkup reports whether content of a type, as atom:content has it, is held as elements: RFC 4287 §4.1.3.3.
func IsMarkup(typ string) bool {
	media, ok := mediaType([]byte(typ))
	return typ == "xhtml" || ok && isXMLType(media)
}

// isXMLType reports whether media is an XML media type, RFC 7303.
func isXMLType(media string) bool {
	switch media {
	case "text/xml", "application/xml", "text/xml-external-parsed-entity",
		"application/xml-external-parsed-entity", "application/xml-dtd":
		return true
	}
	return strings.HasSuffix(media, "+xml")
}

func (p *parser) content(d *draft, t token) error {
	if err := p.once(d, t, seenContent); err != nil {
		return err
	}
	if p.replacesLink() {
		return p.mediaContent(d, t)
	}
	m, err := p.contentMode(t)
	if err != nil {
		return err
	}
	switch m {
	case modeXHTML:
		return p.xhtml(t, nil)
	case modeXML:
		return p.inlineXML(d, t)
	case modeBase64:
		d.seen |= seenRemote
		return p.base64(t)
	case modeRemote:
		d.seen |= seenRemote
		return p.nothing(t)
	}
	return p.plain(t)
}

// mediaContent leaves out what the server says of an entry's media.
func (p *parser) mediaContent(d *draft, t token) error {
	src, _ := p.attr("src")
	if !bytes.HasSuffix(src, []byte(entriesURL+p.replaces.UUID+mediaURL)) {
		return p.fail(t.start, "the content of this entry is its media; leave <%s> as GET gives it, or out, and PUT other content to the link \"edit-media\"", t.name.full)
	}
	return p.cut(d, t)
}

// plain reads up to the end of the element t, which holds text, unread.
func (p *parser) plain(t token) error {
	for {
		n, err := p.next()
		if err != nil || n.kind == endTag {
			return err
		}
		if n.kind == startTag {
			return p.fail(n.start, `<%s> stands in <%s>, which holds text only; write "<" as "&lt;", or say type="xhtml"`, n.name.full, t.name.full)
		}
	}
}

// nothing reads up to the end of the element t, which has an attribute src.
func (p *parser) nothing(t token) error {
	b, err := p.elementText(t)
	if err == nil && !isBlank(b) {
		err = p.fail(t.start, `<%s> has both an attribute src="…" and content; it takes one of them`, t.name.full)
	}
	return err
}

func (p *parser) base64(t token) error {
	b, err := p.elementText(t)
	if err == nil && !isBase64(b) {
		err = p.fail(t.start, `<%s> must hold base64, as its type is neither text nor XML (RFC 4287 §4.1.3.3); for text say type="text"`, t.name.full)
	}
	return err
}

// isBase64 reports whether b is base64 with its padding, white space anywhere in it.
func isBase64(b []byte) bool {
	n, pad := 0, 0
	for _, c := range b {
		switch {
		case isSpace(c):
			continue
		case c == '=':
			pad++
		case pad > 0, !isAlphanumeric(c) && c != '+' && c != '/':
			return false
		}
		n++
	}
	return n%4 == 0 && pad <= 2
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

// inlineXML reads up to the end of the element t, which holds an XML document. Text
// alone can be none, so it is base64 of one that XML within XML cannot carry.
func (p *parser) inlineXML(d *draft, t token) error {
	elements := 0
	p.buf = p.buf[:0]
	for {
		n, err := p.next()
		if err != nil {
			return err
		}
		switch n.kind {
		case startTag:
			if elements++; elements > 1 {
				return p.fail(n.start, "<%s> holds a second element; an XML document has one", t.name.full)
			}
			if err := p.skip(); err != nil {
				return err
			}
		case charData, cdata:
			if elements == 0 || !isBlank(p.doc[n.start:n.end]) {
				p.buf = p.textOf(p.buf, n)
			}
		case endTag:
			text := !isBlank(p.buf)
			switch {
			case text && elements > 0:
				return p.fail(t.start, "<%s> holds text beside an XML document", t.name.full)
			case text && !isBase64(p.buf):
				return p.fail(t.start, `<%s> has an XML media type and must hold an element; for text say type="text"`, t.name.full)
			case text:
				d.seen |= seenRemote
			}
			return nil
		}
	}
}

// onceText reads the text construct t.
func (p *parser) onceText(d *draft, t token, which seen) error {
	if err := p.once(d, t, which); err != nil {
		return err
	}
	m, err := p.textMode(t)
	switch {
	case err != nil:
		return err
	case m == modeXHTML:
		return p.xhtml(t, nil)
	}
	return p.plain(t)
}

// title reads the title and keeps it as plain text.
func (p *parser) title(d *draft, t token) error {
	if err := p.once(d, t, seenTitle); err != nil {
		return err
	}
	m, err := p.textMode(t)
	if err != nil {
		return err
	}
	var text []byte
	if m == modeXHTML {
		err = p.xhtml(t, &text)
	} else {
		text, err = p.elementText(t)
	}
	if err != nil {
		return err
	}
	d.Title = PlainTitle(text, m == modeHTML)
	return nil
}

// PlainTitle makes the plain text of a title, in one line: text is what its character data stand
// for, be they within XHTML, and html says that this is HTML.
func PlainTitle(text []byte, html bool) string {
	if html {
		text = stripHTML(text)
	}
	return fold(text)
}

// xhtml reads up to the end of the element t, which holds one xhtml:div (RFC 4287
// §3.1.1.3), and appends the div's text to text, unless that is nil.
func (p *parser) xhtml(t token, text *[]byte) error {
	divs := 0
	for {
		n, err := p.next()
		if err != nil {
			return err
		}
		switch n.kind {
		case charData, cdata:
			if !isBlank(p.doc[n.start:n.end]) {
				return p.fail(n.start, `text stands in <%s type="xhtml"> outside its <div>`, t.name.full)
			}
		case startTag:
			divs++
			if err := p.div(t, *n, divs, text); err != nil {
				return err
			}
		case endTag:
			if divs != 1 {
				return p.fail(t.start, `<%s type="xhtml"> must hold <div xmlns="%s">`, t.name.full, NamespaceXHTML)
			}
			return nil
		}
	}
}

func (p *parser) div(t, n token, count int, text *[]byte) error {
	if count > 1 || n.space != NamespaceXHTML || string(n.name.localPart()) != "div" {
		return p.fail(n.start, `<%s type="xhtml"> must hold one <div xmlns="%s"> and nothing else`, t.name.full, NamespaceXHTML)
	}
	outer := p.depth() - 1
	for p.depth() > outer {
		n, err := p.next()
		if err != nil {
			return err
		}
		if text != nil && (n.kind == charData || n.kind == cdata) {
			*text = p.textOf(*text, n)
		}
	}
	return nil
}

// fold makes any white space one space, and trims it.
func fold(b []byte) string {
	if out := bytes.TrimSpace(b); !bytes.ContainsAny(out, "\t\r\n") && !bytes.Contains(out, []byte("  ")) {
		return string(out)
	}
	return string(bytes.Join(bytes.Fields(b), []byte(" ")))
}
