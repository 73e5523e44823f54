package stomp

import (
	"bytes"
	"fmt"
)

// scanner finds where a frame and its parts end. It changes no byte, remembers how
// far it has looked, and counts from the frame's first byte, so that a buffer may
// move between its calls.
type scanner struct {
	limits  Limits
	version Version
	lines   []line // the headers
	fault   *Error // what ended it
	progress
}

// progress is how far the scanner is in one frame.
type progress struct {
	step    step
	lead    int // line ends in front of the frame
	at      int // how far the frame has been looked at
	from    int // where the line begins that is being looked at
	command Command
	crlf    bool // lines may end in CRLF
	escaped bool // headers hold escape sequences
	counted bool // there is a content-length
	head    int  // where the body begins
	body    int  // its length
	size    int  // of the whole frame with its NUL; 0 while unknown
}

// line is one header: name from start to colon, value from behind it to end.
type line struct{ start, colon, end int }

type step uint8

const (
	between step = iota // frames
	inCommand
	inHeaders
	inCountedBody // content-length says where it ends
	inOpenBody    // NUL does
	done          // a frame, or a fault
)

// restart begins with the next frame.
func (s *scanner) restart() {
	s.progress, s.lines, s.fault = progress{}, s.lines[:0], nil
}

// forget takes note that the line ends in front of the frame are gone.
func (s *scanner) forget() { s.lead = 0 }

// scan looks at what came since the last call. held begins where the frame, or the
// line ends before it, began then. It reports whether it needs no more: fault is set, or
// the frame is whole.
func (s *scanner) scan(held []byte) bool {
	for more := true; more && s.step != done; {
		frame := held[s.lead:]
		switch s.step {
		case between:
			more = s.scanBetween(frame)
		case inCommand:
			more = s.scanCommand(frame)
		case inHeaders:
			more = s.scanHeader(frame)
		case inCountedBody:
			more = s.scanCountedBody(frame)
		case inOpenBody:
			more = s.scanOpenBody(frame)
		}
	}
	return s.step == done
}

// fail ends the scan for good.
func (s *scanner) fail(frame []byte, e *Error) bool {
	e.Receipt = s.receipt(frame)
	s.fault, s.step = e, done
	return false
}

// scanBetween skips line ends. CRLF is one in every version: a client that may
// speak 1.2 does not know yet that it must not.
func (s *scanner) scanBetween(rest []byte) bool {
	for i, c := range rest {
		switch {
		case c == '\n':
		case c == '\r' && i+1 == len(rest):
			s.lead += i
			return false
		case c == '\r' && rest[i+1] == '\n':
		default:
			s.lead += i
			s.step = inCommand
			return true
		}
	}
	s.lead += len(rest)
	return false
}

// line returns the line that begins at s.from, without its LF. Without ok it is not
// whole: it needs more bytes or, when full is set, reaches beyond the frame's first
// limit bytes and is never to be whole.
func (s *scanner) line(frame []byte, limit int) (text []byte, ok, full bool) {
	window := frame[s.at:min(len(frame), limit)]
	i := bytes.IndexByte(window, '\n')
	if i < 0 {
		s.at += len(window)
		return frame[s.from:s.at], false, s.at == limit
	}
	text = frame[s.from : s.at+i]
	s.at += i + 1
	s.from = s.at
	return text, true, false
}

// scanCommand takes the first line. What is too long for a command is refused
// without waiting for the line's end.
//
// CRLF ends a line since 1.2. In older versions a CR belongs to the header's value,
// where it is the only way to send one; but a command can hold none, so a frame
// that begins with one ends its lines so: who types into telnet is understood in
// every version, and nobody's bytes are changed. CONNECT is read before there is a version.
func (s *scanner) scanCommand(frame []byte) bool {
	text, ok, full := s.line(frame, min(longestCommand+len("\r\n"), s.limits.HeaderBytes))
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return s.fail(frame, noCommand(text[:i+1]))
	}
	if full {
		return s.fail(frame, noCommand(text))
	}
	if !ok {
		return false
	}
	name, cr := bytes.CutSuffix(text, []byte("\r"))
	if s.command = parseCommand(name); s.command == 0 {
		return s.fail(frame, noCommand(text))
	}
	s.crlf = cr || s.version >= V12 || s.command.handshake()
	s.step = inHeaders
	return true
}

func (s *scanner) scanHeader(frame []byte) bool {
	start, seen := s.from, s.at
	text, ok, full := s.line(frame, s.limits.HeaderBytes)
	if bytes.IndexByte(frame[seen:s.at], 0) >= 0 {
		return s.fail(frame, &Error{
			Message: "NUL in the headers of a frame",
			Detail:  "end the headers with an empty line, also where no body follows",
		})
	}
	if full {
		return s.fail(frame, passes("the bytes of command and headers", s.limits.HeaderBytes,
			"put what is long into the body, and end the headers with an empty line"))
	}
	if !ok {
		return false
	}
	if n := len(text); n > 0 && text[n-1] == '\r' && (s.crlf || n == 1) {
		text = text[:n-1] // a CR alone is no header in any version
	}
	if len(text) == 0 {
		return s.endHeaders(frame)
	}
	return s.addHeader(frame, line{start: start, end: start + len(text)})
}

func (s *scanner) addHeader(frame []byte, l line) bool {
	i := bytes.IndexByte(frame[l.start:l.end], ':')
	if i <= 0 {
		return s.fail(frame, &Error{
			Message: "header line " + quote(frame[l.start:l.end]) + " has no name or no colon",
			Detail:  "write each header as name:value, and an empty line before the body",
		})
	}
	if len(s.lines) >= s.limits.Headers {
		return s.fail(frame, passes("the headers", s.limits.Headers, "send fewer, or put them into the body"))
	}
	l.colon = l.start + i
	s.lines = append(s.lines, l)
	if !s.counted && string(frame[l.start:l.colon]) == "content-length" {
		return s.count(frame, frame[l.colon+1:l.end])
	}
	return true
}

// count takes the value of the first content-length: digits and nothing else.
func (s *scanner) count(frame, value []byte) bool {
	if s.version == V10 {
		value = trim(value)
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			value = nil
			break
		}
		if s.body = 10*s.body + int(c-'0'); s.body > s.limits.BodyBytes {
			return s.fail(frame, passes("the bytes of the body", s.limits.BodyBytes, "split it into several messages"))
		}
	}
	if len(value) == 0 {
		return s.fail(frame, &Error{
			Message: "content-length is not a number",
			Detail:  "send the count of the body's bytes in plain digits, or no content-length when the body holds no NUL",
		})
	}
	s.counted = true
	return true
}

func (s *scanner) endHeaders(frame []byte) bool {
	s.head = s.at
	s.escaped = s.version >= V11 && !s.command.handshake() && bytes.IndexByte(frame[:s.head], '\\') >= 0
	if s.escaped {
		for _, l := range s.lines {
			if bad := undefined(frame[l.start:l.end], s.version); bad != nil {
				return s.fail(frame, &Error{
					Message: fmt.Sprintf("escape sequence %s is not defined in STOMP %s", quote(bad), s.version),
					Detail:  `write a backslash in a header as \\`,
				})
			}
		}
	}
	s.step = inOpenBody
	if s.counted {
		s.step, s.size = inCountedBody, s.head+s.body+1
	}
	return true
}

func (s *scanner) scanCountedBody(frame []byte) bool {
	if len(frame) < s.size {
		return false
	}
	if frame[s.size-1] != 0 {
		return s.fail(frame, &Error{
			Message: fmt.Sprintf("no NUL after the %d bytes that content-length tells", s.body),
			Detail:  "count the body's bytes, not its characters, and end the frame with NUL",
		})
	}
	s.step = done
	return true
}

func (s *scanner) scanOpenBody(frame []byte) bool {
	window := frame[s.at:min(len(frame), s.head+s.limits.BodyBytes+1)]
	i := bytes.IndexByte(window, 0)
	s.at += len(window)
	switch {
	case i >= 0:
		s.size = s.at - len(window) + i + 1
		s.body = s.size - 1 - s.head
		s.step = done
	case s.at > s.head+s.limits.BodyBytes:
		return s.fail(frame, passes("the bytes of the body", s.limits.BodyBytes,
			"split it into several messages, and end each frame with NUL"))
	}
	return false
}

// take cuts the whole frame that starts with held, decodes its headers in place,
// and returns its length together with what stood before it.
func (s *scanner) take(held []byte, f *Frame) int {
	frame := held[s.lead:]
	f.Command = s.command
	f.Fields = f.Fields[:0]
	for _, l := range s.lines {
		f.Fields = append(f.Fields, Field{
			Name:  frame[l.start:l.colon:l.colon],
			Value: frame[l.colon+1 : l.end : l.end],
		})
	}
	f.Body = frame[s.head : s.head+s.body : s.head+s.body]
	switch {
	case s.escaped:
		for i := range f.Fields {
			f.Fields[i].Name = unescape(f.Fields[i].Name, s.version)
			f.Fields[i].Value = unescape(f.Fields[i].Value, s.version)
		}
	case s.padded(f):
		for i := range f.Fields {
			f.Fields[i].Value = trim(f.Fields[i].Value)
		}
	}
	taken := s.lead + s.size
	s.restart()
	return taken
}

// padded tells frames of 1.0, whose examples read "key: value": all its servers trim
// values, which 1.1 and 1.2 forbid. A handshake that names a later version is not of 1.0.
func (s *scanner) padded(f *Frame) bool {
	if s.version != V10 {
		return false
	}
	var later bool
	switch f.Command {
	case CONNECT:
		_, later = f.Get("accept-version")
	case CONNECTED:
		_, later = f.Get("version")
	case STOMP:
		later = true
	}
	return !later
}

// wanted is how long the frame may get, as far as is known.
func (s *scanner) wanted() int {
	if s.size > 0 {
		return s.size
	}
	return s.limits.frame()
}
