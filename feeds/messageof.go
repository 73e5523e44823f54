package feeds

import (
	"errors"
	"strings"
	"time"
)

// MessageOf returns a live member as a message. One that ComposeMessage made is byte for byte
// what it was given. What an HTTP client has since edited keeps the headers it left, the
// new content is the body, and the sender's type stands unless the content's own contradicts it.
//
// Of an entry born in Atom, the body is the content, or the summary where there is none: text as
// text/plain, html as text/html, xhtml as application/xhtml+xml, XML and base64 media under their
// type. Content that is elsewhere has an empty body, and its URL in the header content-src. The
// headers are title, author, author-email, author-uri (of the first author), summary (plain text),
// category (terms, parted by commas), link (the first alternate) as far as there is one, and
// atom-id, published, updated (RFC 3339). Whatever the entry was born in, traceparent and
// tracestate are the last ones, if it has them.
//
// Body may be a part of m.XML, and must not be changed. Names are those that stand in the entry: an
// HTTP client can have written any, so the transport does well to look out for its own.
func MessageOf(m *Member) (*Message, error) {
	if m.Deleted {
		return nil, errors.New("read a message: the entry was deleted")
	}
	if msg, ok := readMessage(m.XML); ok {
		return msg, nil
	}
	return inspectMessage(m)
}

// inspectMessage reads a message in any layout.
func inspectMessage(m *Member) (*Message, error) {
	v, err := Inspect(m)
	if err != nil {
		return nil, err
	}
	if m.Media != "" {
		v.Content.Src = m.MediaURL(Path(m.Feed))
	}
	content := v.Content
	if content.Type == "" && content.Src == "" {
		content = v.Summary
	}
	msg := v.Message
	if msg != nil {
		msg.Type = sentType(msg.Type, content.Type)
	} else {
		msg = &Message{Type: mediaTypeOf(content.Type), Header: v.headers(m)}
	}
	msg.Body = content.Body
	if content.Src != "" {
		msg.add("content-src", resolve(content.Base, content.Src))
	}
	msg.setTrace(v.Trace)
	return msg, nil
}

// add adds a header that has a value.
func (m *Message) add(name, value string) {
	if value != "" {
		m.Header = append(m.Header, Field{name, value})
	}
}

// headers tells what a client wants to know of an entry born in Atom.
func (v *View) headers(m *Member) []Field {
	var h Message
	h.add(headerTitle, m.Title)
	if len(v.Authors) > 0 {
		h.add("author", v.Authors[0].Name)
		h.add("author-email", v.Authors[0].Email)
		h.add("author-uri", v.Authors[0].URI)
	}
	if v.Content.Type != "" || v.Content.Src != "" {
		h.add("summary", v.Summary.line())
	}
	terms := make([]string, len(v.Categories))
	for i, c := range v.Categories {
		terms[i] = c.Term
	}
	h.add("category", strings.Join(terms, ","))
	h.add("link", v.alternate())
	h.add("atom-id", m.AtomURI())
	h.add("published", rfc3339(m.Published))
	h.add("updated", rfc3339(m.Updated))
	return h.Header
}

func rfc3339(t time.Time) string { return string(appendTime(nil, t)) }

// line returns a text construct as one line of plain text.
func (t Text) line() string {
	if t.Type == "html" || t.Type == "xhtml" {
		return fold(stripHTML(t.Body))
	}
	return fold(t.Body)
}

func (v *View) alternate() string {
	for _, l := range v.Links {
		if l.Rel == "alternate" {
			return l.url()
		}
	}
	return ""
}

// mediaTypeOf returns the media type of a content's type.
func mediaTypeOf(content string) string {
	switch content {
	case "text":
		return "text/plain"
	case "html":
		return typeHTML
	case "xhtml":
		return "application/xhtml+xml"
	}
	return content
}

// sentType returns the type of a body that its sender called sent, where the content has a type
// that an HTTP client may have changed.
func sentType(sent, content string) string {
	switch content {
	case "", "text", typeOctets, sent: // any type can be carried so
		return sent
	case "html":
		if media, _, _ := splitType(sent); media == typeHTML {
			return sent
		}
	}
	return mediaTypeOf(content)
}

// message reads a <stomp:message>, the element that has just begun. Elements around it are not
// ours, and text that stands elsewhere than in a <stomp:header> means nothing.
func (p *parser) message() (*Message, error) {
	m := &Message{Type: p.attrString("content-type")}
	if packed, _ := p.attr("base64"); string(packed) == "content-type" {
		m.Type = bytesOf(m.Type)
	}
	outer := p.depth() - 1
	for p.depth() > outer {
		t, err := p.next()
		if err != nil {
			return nil, err
		}
		if t.kind == startTag && t.space == NamespaceStomp && string(t.name.localPart()) == "header" && p.depth() == outer+2 {
			f, err := p.messageHeader()
			if err != nil {
				return nil, err
			}
			m.Header = append(m.Header, f)
		}
	}
	return m, nil
}

// messageHeader reads a <stomp:header>, the element that has just begun.
func (p *parser) messageHeader() (Field, error) {
	f := Field{Name: p.attrString("name")}
	packed := p.attrString("base64")
	if err := p.noteText(&f.Value); err != nil {
		return f, err
	}
	f.unpack(packed)
	return f, nil
}
