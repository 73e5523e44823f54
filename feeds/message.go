package feeds

// NamespaceStomp is that of the element <message>, which keeps what a STOMP client
// sent beside the body.
const NamespaceStomp = "urn:atommq:stomp"

// Message is an entry as a queue or topic client sees it: headers and a body.
type Message struct {
	Type string // media type of Body, "" when the sender gave none
	// Header is the sender's own headers in their order, repeated ones included; without
	// those that the transport owns, which the gateway filters.
	Header []Field
	Body   []byte
}

// Field is a header of a message.
type Field struct{ Name, Value string }

// ComposeMessage makes the entry that carries m. A title of "" is taken from the first
// header "title", or else made from the body, as Compose does. Any bytes are taken in names,
// values, type and body, and MessageOf gives them back exactly.
func ComposeMessage(title string, m *Message) (*Entry, error) {
	return Compose(Note{Title: title, Type: m.Type, Content: m.Body})
}

// MessageOf returns m as a message: byte for byte what ComposeMessage was given, or, for an
// entry born in Atom, its content as the body and what else is known of it as headers.
// Body may be a part of m.XML: it must not be changed.
func MessageOf(m *Member) (*Message, error) {
	v, err := Inspect(m)
	if err != nil {
		return nil, err
	}
	return &Message{Type: v.Content.Type, Body: v.Content.Body}, nil
}
