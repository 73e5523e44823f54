package feeds

import (
	"bytes"
	"strings"
)

// readMessage reads an entry that still has the layout of a composed one, and whose content
// is not XML; ok is false for any other, which the parser reads.
func readMessage(xml []byte) (m *Message, ok bool) {
	rest, ok := bytes.CutPrefix(xml, []byte(messageStart))
	if !ok {
		return nil, false
	}
	trace, rest := cutTrace(rest)
	if rest, ok = bytes.CutPrefix(rest, []byte("<title>")); !ok {
		return nil, false
	}
	end := bytes.IndexByte(rest, '<')
	if rest, ok = bytes.CutPrefix(rest[end:], []byte("</title>"+messageOpen)); !ok {
		return nil, false
	}
	if end = bytes.Index(rest, []byte(messageClose)); end < 0 {
		return nil, false
	}
	h := headerReader{string(rest[:end])} // names and values are parts of it
	m = &Message{}
	if !h.typ(m) || !h.headers(m) {
		return nil, false
	}
	m.setTrace(trace)
	return m, m.readContent(rest[end+len(messageClose):])
}

// headerReader reads what stands in a composed <stomp:message>, from behind its name.
type headerReader struct{ rest string }

// take goes on behind a literal, if that is next.
func (h *headerReader) take(s string) (ok bool) {
	h.rest, ok = strings.CutPrefix(h.rest, s)
	return ok
}

// until goes on behind the next c.
func (h *headerReader) until(c byte) (s string, ok bool) {
	n := strings.IndexByte(h.rest, c)
	if n < 0 {
		return "", false
	}
	s, h.rest = h.rest[:n], h.rest[n+1:]
	return s, true
}

// typ reads the start tag of <stomp:message>.
func (h *headerReader) typ(m *Message) (ok bool) {
	if h.take(` content-type="`) {
		if m.Type, ok = h.until('"'); !ok {
			return false
		}
		m.Type = valueOf(m.Type)
		if h.take(` base64="content-type"`) {
			m.Type = bytesOf(m.Type)
		}
	}
	return h.take(">")
}

// headers reads what follows.
func (h *headerReader) headers(m *Message) bool {
	if n := strings.Count(h.rest, headerOpen); n > 0 {
		m.Header = make([]Field, 0, n)
	}
	for h.rest != "" {
		f, ok := h.header()
		if !ok {
			return false
		}
		m.Header = append(m.Header, f)
	}
	return true
}

func (h *headerReader) header() (f Field, ok bool) {
	if !h.take(headerOpen) {
		return f, false
	}
	if f.Name, ok = h.until('"'); !ok {
		return f, false
	}
	packed := ""
	if h.take(` base64="`) {
		if packed, ok = h.until('"'); !ok || !isNormalised([]byte(packed)) {
			return f, false
		}
	}
	if !h.take(">") {
		return f, false
	}
	if f.Value, ok = h.until('<'); !ok || !h.take(headerClose[1:]) {
		return f, false
	}
	f.Name, f.Value = valueOf(f.Name), textOf(f.Value)
	f.unpack(packed)
	return f, true
}

// unpack decodes the parts of a header that the attribute base64 lists.
func (f *Field) unpack(packed string) {
	for part := range strings.FieldsSeq(packed) {
		switch part {
		case "name":
			f.Name = bytesOf(f.Name)
		case "value":
			f.Value = bytesOf(f.Value)
		}
	}
}

// valueOf returns what an attribute's value stands for.
func valueOf(raw string) string {
	if isNormalised([]byte(raw)) {
		return raw
	}
	return string(normaliseValue([]byte(raw)))
}

// textOf returns what raw text stands for.
func textOf(raw string) string {
	if !strings.ContainsAny(raw, "&\r") {
		return raw
	}
	return string(appendText(nil, []byte(raw)))
}

// bytesOf decodes base64. Something else, which only an HTTP client can have written, is
// left as it is: that must not keep a message from its consumer.
func bytesOf(s string) string {
	b, err := decodeBase64([]byte(s))
	if err != nil {
		return s
	}
	return string(b)
}

// readContent reads the rest of a composed entry.
func (m *Message) readContent(rest []byte) bool {
	const entryClose, contentClose = "</entry>", "</content></entry>"
	if string(rest) == entryClose {
		return true
	}
	rest, ok := bytes.CutPrefix(rest, []byte(`<content type="`))
	if !ok {
		return false
	}
	typ, rest, ok := bytes.Cut(rest, []byte(`"`))
	if !ok || len(rest) == 0 || rest[0] != '>' {
		return false
	}
	end := bytes.IndexByte(rest, '<')
	if string(rest[max(end, 0):]) != contentClose {
		return false
	}
	return m.decode(valueOf(string(typ)), rest[1:end:end])
}

// decode makes the body from a content of the given type.
func (m *Message) decode(typ string, raw []byte) bool {
	how := modeText
	if typ != "text" && typ != "html" {
		media, ok := mediaType([]byte(typ))
		if how = mediaMode(media); !ok || how == modeXML {
			return false
		}
	}
	m.Type = sentType(m.Type, typ)
	switch {
	case how == modeBase64:
		var err error
		m.Body, err = decodeBase64(raw)
		return err == nil
	case isPlain(raw):
		m.Body = raw
	default:
		m.Body = appendText(make([]byte, 0, len(raw)), raw)
	}
	return true
}
