package feeds

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cloudEvent is an event of CloudEvents 1.0 in its JSON format, as https://www.http-feeds.org/ uses
// it: that has the attribute "method"; "title" is an extension of ours, "dataref" one of CloudEvents.
type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject"`
	Time        string          `json:"time"`
	Method      string          `json:"method,omitempty"`
	Title       string          `json:"title,omitempty"`
	Trace       string          `json:"traceparent,omitempty"` // the extension "distributed tracing"
	State       string          `json:"tracestate,omitempty"`
	DataType    string          `json:"datacontenttype,omitempty"`
	DataRef     string          `json:"dataref,omitempty"` // where the data is that is not in the event
	Data        json.RawMessage `json:"data,omitempty"`
	DataBase64  []byte          `json:"data_base64,omitempty"`
}

// eventType is the type of all events: what is published is the publisher's to name, and stands in the data.
const eventType = "atommq.entry"

// eventID returns the id of a member's event. A draft has none, but an event needs one: it is the
// UUID with the ETag, which each edit changes.
func (m *Member) eventID() string {
	if m.Draft() {
		return m.UUID + "-draft" + strconv.FormatInt(-m.ID, 10)
	}
	return strconv.FormatInt(m.ID, 10)
}

// AppendCloudEvent appends a member as a CloudEvent: its id is the member's id, so that it is a
// cursor and that an edit is an event of its own; its subject is the atom:id, which stays. JSON is
// the data itself, other text a string, other bytes data_base64, and media, as content that has a src, are where dataref says. A
// tombstone has the method DELETE.
func AppendCloudEvent(dst []byte, m *Member, collection string) []byte {
	e := cloudEvent{
		SpecVersion: "1.0", ID: m.eventID(), Source: collection, Type: eventType,
		Subject: m.AtomURI(), Time: rfc3339(m.Edited),
	}
	if m.Deleted {
		e.Method = "DELETE"
		return appendJSON(dst, e)
	}
	e.Title = withoutControls(m.Title)
	if msg, err := MessageOf(m); err == nil { // it reads whatever Parse takes
		t := msg.trace()
		e.Trace, e.State = t.Parent, t.State
		e.carry(msg)
	}
	switch {
	case m.Media != "":
		e.DataType, e.DataRef = m.Media, m.MediaURL(collection)
	case e.Data == nil && e.DataBase64 == nil:
		e.refer(m, collection)
	}
	return appendJSON(dst, e)
}

// refer says where content is that stands elsewhere, if it does.
func (e *cloudEvent) refer(m *Member, collection string) {
	v, err := Inspect(m)
	if err != nil || v.Content.Src == "" {
		return
	}
	e.DataType = mediaTypeOf(v.Content.Type)
	e.DataRef = resolve(resolve(collection, v.Content.Base), v.Content.Src)
}

// withoutControls leaves out what no attribute of an event may hold.
func withoutControls(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// carry sets the data. Without a type it would count as JSON.
func (e *cloudEvent) carry(m *Message) {
	if len(m.Body) == 0 {
		return
	}
	media, _, known := splitType(m.Type)
	text := utf8.Valid(m.Body)
	switch {
	case known:
		e.DataType = m.Type
	case text:
		e.DataType = "text/plain"
	default:
		e.DataType = typeOctets
	}
	switch {
	case isJSONType(media) && text && isCommonJSON(m.Body):
		e.Data = m.Body
	case isJSONType(media), !text:
		e.DataBase64 = m.Body
	default:
		e.Data = appendJSON(nil, string(m.Body))
	}
}

// AppendCloudEvents appends members as a batch of events. event appends one, as AppendCloudEvent does.
func AppendCloudEvents(dst []byte, members []*Member, event func(dst []byte, m *Member) []byte) []byte {
	dst = append(dst, '[')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = event(append(dst, '\n'), m)
	}
	return append(dst, "\n]\n"...)
}
