package api

import (
	"encoding/base64"
	"slices"
	"strings"

	"atommq/feeds"
)

// batchMessage is what an entry that came through STOMP keeps of its message: doc/stomp.md,
// "Messages and entries".
type batchMessage struct {
	Type   string        `xml:"content-type,attr"`
	Packed string        `xml:"base64,attr"`
	Header []batchHeader `xml:"urn:atommq:stomp header"`
}

type batchHeader struct {
	Name   string `xml:"name,attr"`
	Packed string `xml:"base64,attr"`
	Value  string `xml:",chardata"`
}

// message returns the message without its body, nil for nil.
func (m *batchMessage) message() *feeds.Message {
	if m == nil {
		return nil
	}
	out := &feeds.Message{Type: decoded(m.Type, m.Packed, "content-type")}
	for _, h := range m.Header {
		out.Header = append(out.Header, feeds.Field{Name: decoded(h.Name, h.Packed, "name"), Value: decoded(h.Value, h.Packed, "value")})
	}
	return out
}

// decoded returns a part of a message, which is base64 if packed, the attribute of that name, has
// it among its words. What is no base64 stays as it is.
func decoded(text, packed, part string) string {
	if !slices.Contains(strings.Fields(packed), part) {
		return text
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return text
	}
	return string(plain)
}
