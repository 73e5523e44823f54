package feeds

import (
	"bytes"
	"strings"
)

// HeaderTrace is the header by which a publisher says what trace an entry belongs to, by HTTP and by STOMP, and by which
// its readers learn it: W3C Trace Context.
const HeaderTrace = "traceparent"

// The lengths of a traceparent: of version 00, and of what a later one may be.
const (
	traceLength  = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	longestTrace = 255
)

// The element that keeps an entry's traceparent, directly behind its root's start tag.
const (
	traceOpen  = `<mq:traceparent xmlns:mq="` + NamespaceMQ + `">`
	traceClose = `</mq:traceparent>`
)

// IsTrace reports whether s is a traceparent (W3C Trace Context §3.2): two digits of version, but for ff, 32 of the trace, 16 of
// the parent, neither all zero, and 2 of flags, in lower case. A later version may have more behind that.
func IsTrace(s string) bool {
	if len(s) < traceLength || len(s) > longestTrace || strings.HasPrefix(s, "ff") {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 2 || i == 35 || i == 52 || i == traceLength:
			if c != '-' {
				return false
			}
		case i > traceLength && c == '-':
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f':
		default:
			return false
		}
	}
	return (len(s) == traceLength || !strings.HasPrefix(s, "00")) && strings.Trim(s[3:35], "0") != "" && strings.Trim(s[36:52], "0") != ""
}

// WithTrace returns the XML of an entry that has no traceparent, with this one; "" changes nothing.
func WithTrace(xml []byte, trace string) []byte {
	if trace == "" {
		return xml
	}
	_, inner := rootTag(xml)
	out := make([]byte, 0, len(xml)+len(traceOpen)+len(trace)+len(traceClose))
	out = append(append(out, xml[:inner]...), traceOpen...)
	out = append(append(out, trace...), traceClose...)
	return append(out, xml[inner:]...)
}

// trace reads an element that keeps a traceparent, and leaves it out: Entry.Trace has it. One that is none is dropped: nobody's
// entry is refused for how somebody traces.
func (p *parser) trace(d *draft, t token) error {
	inner := p.pos
	if err := p.cut(d, t); err != nil {
		return err
	}
	if given := traceIn(p.doc[min(inner, p.pos):p.pos]); d.Trace == "" && IsTrace(given) {
		d.Trace = given
	}
	return nil
}

// traceIn returns the text that stands before the next tag.
func traceIn(rest []byte) string {
	text, _, _ := bytes.Cut(rest, []byte("<"))
	return string(bytes.TrimSpace(text))
}

// viewTrace reads the same element of a member.
func (p *parser) viewTrace(v *View) error {
	inner := p.pos
	if err := p.skip(); err != nil {
		return err
	}
	if given := traceIn(p.doc[min(inner, p.pos):p.pos]); v.Trace == "" && IsTrace(given) {
		v.Trace = given
	}
	return nil
}

// cutTrace takes the traceparent out of what an entry of this XML begins with, behind messageStart.
func cutTrace(rest []byte) (trace string, behind []byte) {
	inside, found := bytes.CutPrefix(rest, []byte(traceOpen))
	if !found {
		return "", rest
	}
	text, behind, found := bytes.Cut(inside, []byte(traceClose))
	if !found || !IsTrace(string(text)) {
		return "", rest
	}
	return string(text), behind
}

// setTrace adds the traceparent of an entry to the headers, unless they have one.
func (m *Message) setTrace(trace string) {
	if trace != "" && m.trace() == "" {
		m.add(HeaderTrace, trace)
	}
}

// trace returns what the headers say.
func (m *Message) trace() string {
	for i := range m.Header {
		if m.Header[i].Name == HeaderTrace {
			return m.Header[i].Value
		}
	}
	return ""
}

// splitTrace takes the traceparent out of headers: an entry keeps it by itself.
func splitTrace(header []Field) (trace string, rest []Field) {
	for _, f := range header {
		switch {
		case f.Name != HeaderTrace || !IsTrace(f.Value):
			rest = append(rest, f)
		case trace == "":
			trace = f.Value
		}
	}
	return trace, rest
}
