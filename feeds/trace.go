package feeds

import (
	"bytes"
	"strings"
)

// The headers by which a publisher says what trace an entry belongs to, by HTTP and by STOMP, and
// by which its readers learn it: W3C Trace Context. The second has what vendors add to the first,
// and counts only beside it.
const (
	HeaderTrace      = "traceparent"
	HeaderTraceState = "tracestate"
)

// The lengths of a traceparent: of version 00, and of what a later one may be.
const (
	traceLength  = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	longestTrace = 255
)

// The bounds of a tracestate, W3C Trace Context §3.3.
const (
	stateBytes   = 512
	stateMembers = 32
	stateWord    = 256 // a key, or a value
)

// The elements that keep an entry's trace, directly behind its root's start tag.
const (
	traceOpen  = `<mq:traceparent xmlns:mq="` + NamespaceMQ + `">`
	traceClose = `</mq:traceparent>`
	stateOpen  = `<mq:tracestate xmlns:mq="` + NamespaceMQ + `">`
	stateClose = `</mq:tracestate>`
)

// Trace is what an entry tells of the trace that it belongs to.
type Trace struct {
	Parent string // what IsTrace tells of, "" for none
	State  string // what vendors add to it; never without a Parent
}

// NewTrace returns the trace that a traceparent and the lines of a tracestate tell of. A
// traceparent that is none leaves nothing, a tracestate that is none, or longer than 32 members and
// 512 bytes, only the traceparent.
func NewTrace(parent string, state ...string) Trace {
	if !IsTrace(parent) {
		return Trace{}
	}
	return Trace{Parent: parent, State: stateOf(strings.Join(state, ","))}
}

// stateOf returns a tracestate without what stands between its members, "" for one that is none.
func stateOf(given string) string {
	if len(given) > 2*stateBytes { // white space included
		return ""
	}
	var b strings.Builder
	members := 0
	for member := range strings.SplitSeq(given, ",") {
		member = strings.Trim(member, " \t")
		if member == "" {
			continue
		}
		if members++; members > stateMembers || !isStateMember(member) {
			return ""
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(member)
	}
	if b.Len() > stateBytes {
		return ""
	}
	return b.String()
}

// isStateMember reports whether s is a key, an equals sign and a value, §3.3.1.3.
func isStateMember(s string) bool {
	key, value, _ := strings.Cut(s, "=")
	if key == "" || value == "" || len(key) > stateWord || len(value) > stateWord {
		return false
	}
	for i, c := range []byte(key) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || i > 0 && strings.IndexByte("_-*/@", c) >= 0) {
			return false
		}
	}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' || c == '=' { // nor a comma, which parts members
			return false
		}
	}
	return true
}

// IsTrace reports whether s is a traceparent (W3C Trace Context §3.2): two digits of version, but
// for ff, 32 of the trace, 16 of the parent, neither all zero, and 2 of flags, in lower case. A
// later version may have more behind that.
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

// WithTrace returns the XML of an entry with this trace, in place of the one that it may have; the
// zero Trace changes nothing.
func WithTrace(xml []byte, trace Trace) []byte {
	if trace.Parent == "" {
		return xml
	}
	_, inner := rootTag(xml)
	_, rest := cutTrace(xml[inner:])
	out := make([]byte, 0, len(xml)+len(traceOpen)+len(traceClose)+len(stateOpen)+len(stateClose)+len(trace.Parent)+2*len(trace.State))
	out = append(append(out, xml[:inner]...), traceOpen...)
	out = append(append(out, trace.Parent...), traceClose...)
	if trace.State != "" {
		out = appendEscapedText(append(out, stateOpen...), trace.State)
		out = append(out, stateClose...)
	}
	return append(out, rest...)
}

// trace reads an element that keeps a part of a trace, and leaves it out: Entry.Trace has it. One
// that is none is dropped: nobody's entry is refused for how somebody traces.
func (p *parser) trace(d *draft, t token) error {
	name, inner := string(t.name.localPart()), p.pos
	if err := p.cut(d, t); err != nil {
		return err
	}
	d.Trace.read(name, p.doc[min(inner, p.pos):p.pos])
	return nil
}

// read takes what stands before the next tag for the part of a trace that is called name, unless there is one.
func (t *Trace) read(name string, rest []byte) {
	raw, _, _ := bytes.Cut(rest, []byte("<"))
	text := textOf(string(bytes.TrimSpace(raw)))
	switch {
	case name == HeaderTrace && t.Parent == "" && IsTrace(text):
		t.Parent = text
	case name == HeaderTraceState && t.State == "":
		t.State = stateOf(text)
	}
}

// viewTrace reads the same elements of a member, and passes over those of other names.
func (p *parser) viewTrace(v *View, name string) error {
	inner := p.pos
	if err := p.skip(); err != nil {
		return err
	}
	v.Trace.read(name, p.doc[min(inner, p.pos):p.pos])
	return nil
}

// cutTrace takes the trace out of what an entry of this XML begins with, behind messageStart.
func cutTrace(rest []byte) (trace Trace, behind []byte) {
	parent, behind, found := cutElement(rest, traceOpen, traceClose)
	if !found || !IsTrace(parent) {
		return Trace{}, rest
	}
	state, behindBoth, found := cutElement(behind, stateOpen, stateClose)
	if !found {
		return Trace{Parent: parent}, behind
	}
	return Trace{parent, stateOf(textOf(state))}, behindBoth
}

// cutElement takes an element off the beginning of XML, and returns its text as it stands there.
func cutElement(xml []byte, open, end string) (text string, behind []byte, found bool) {
	inside, found := bytes.CutPrefix(xml, []byte(open))
	if !found {
		return "", xml, false
	}
	raw, behind, found := bytes.Cut(inside, []byte(end))
	return string(raw), behind, found
}

// setTrace adds the trace of an entry to the headers, unless they have one.
func (m *Message) setTrace(trace Trace) {
	if trace.Parent != "" && m.trace().Parent == "" {
		m.add(HeaderTrace, trace.Parent)
		m.add(HeaderTraceState, trace.State)
	}
}

// trace returns what the headers say; of repeated ones the first counts.
func (m *Message) trace() Trace {
	var t Trace
	for i := len(m.Header) - 1; i >= 0; i-- {
		switch m.Header[i].Name {
		case HeaderTrace:
			t.Parent = m.Header[i].Value
		case HeaderTraceState:
			t.State = m.Header[i].Value
		}
	}
	return NewTrace(t.Parent, t.State)
}

// splitTrace takes the trace out of headers: an entry keeps it by itself.
func splitTrace(header []Field) (trace Trace, rest []Field) {
	trace = (&Message{Header: header}).trace()
	for _, f := range header {
		if f.Name != HeaderTrace && f.Name != HeaderTraceState || trace.Parent == "" {
			rest = append(rest, f)
		}
	}
	return trace, rest
}
