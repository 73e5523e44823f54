package feeds

import (
	"bytes"
	"errors"
	"fmt"
)

// Unannotate undoes Annotate: it returns the entry as it was, and the headers, which must be those
// of names and in their order. An error says that m was not annotated so.
func Unannotate(m *Member, names ...string) (*Entry, []Field, error) {
	msg, err := MessageOf(m)
	if err != nil {
		return nil, nil, fmt.Errorf("take headers off entry %d: %w", m.ID, err)
	}
	if len(msg.Header) < len(names) {
		return nil, nil, errors.New("take headers off an entry: there are fewer")
	}
	for i, name := range names {
		if msg.Header[i].Name != name {
			return nil, nil, fmt.Errorf("take headers off an entry: %q stands where %q should", msg.Header[i].Name, name)
		}
	}
	header, rest := msg.Header[:len(names)], msg.Header[len(names):]
	if _, born := readMessage(m.XML); born {
		e, err := recompose(m.Title, msg.Type, rest, msg.Body)
		return e, header, err
	}
	_, inner := rootTag(m.XML)
	added := m.XML[inner:]
	end := bytes.Index(added, []byte(messageClose))
	if !bytes.HasPrefix(added, []byte(messageOpen)) || end < 0 {
		return nil, nil, errors.New("take headers off an entry: it was edited since")
	}
	xml := append(append(make([]byte, 0, len(m.XML)), m.XML[:inner]...), added[end+len(messageClose):]...)
	return &Entry{ID: m.AtomID, Title: m.Title, Published: m.Published, Updated: m.Updated, Absent: m.Absent, XML: xml}, header, nil
}
