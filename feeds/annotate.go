package feeds

import (
	"fmt"
	"slices"
)

// Annotate returns the entry of a live member with further headers for those who read it as a
// message, before those it has. Everything else in it stays as it is.
func Annotate(m *Member, header []Field) (*Entry, error) {
	msg, err := MessageOf(m)
	if err != nil {
		return nil, fmt.Errorf("annotate entry %d: %w", m.ID, err)
	}
	all := append(append(make([]Field, 0, len(header)+len(msg.Header)), header...), msg.Header...)
	if m.Media != "" { // the other entry has them under a URL of its own
		url := m.MediaURL(Path(m.Feed))
		all = slices.DeleteFunc(all, func(f Field) bool { return f.Name == "content-src" && f.Value == url })
	}
	if _, born := readMessage(m.XML); born {
		return recompose(m.Title, msg.Type, all, msg.Body)
	}
	prefix, inner := rootTag(m.XML)
	w := writer{dst: make([]byte, 0, len(m.XML)+512), prefix: prefix}
	w.dst = append(w.dst, m.XML[:inner]...)
	w.raw(messageOpen)
	w.messageType(msg.Type)
	w.raw(">")
	for i := range all {
		w.header(&all[i])
	}
	w.raw(messageClose)
	w.dst = append(w.dst, m.XML[inner:]...)
	e := &Entry{ID: m.AtomID, Title: m.Title, Published: m.Published, Updated: m.Updated, Absent: m.Absent, XML: w.dst}
	return e, nil
}

// recompose composes a message again whose headers have its traceparent.
func recompose(title, typ string, header []Field, body []byte) (*Entry, error) {
	trace, rest := splitTrace(header)
	e, err := ComposeMessage(title, &Message{Type: typ, Header: rest, Body: body})
	if err == nil {
		e.Trace = trace
	}
	return e, err
}
