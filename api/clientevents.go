package api

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"
)

// maxEvent bounds one event that a client takes, in bytes.
const maxEvent = maxAnswer

var errLongEvent = errors.New("the server sends an event that is too large")

// event is one Server-Sent Event. One without data only moves the cursor.
type event struct {
	kind string // "" for a message
	data []byte // good until the next event
}

// eventStream reads Server-Sent Events: HTML, "Interpreting an event stream".
type eventStream struct {
	lines *bufio.Reader
	line  []byte
	data  []byte

	id    string        // of the latest event
	retry time.Duration // that the server last asked for, 0 for none
}

func newEventStream(r io.Reader) *eventStream { return &eventStream{lines: bufio.NewReader(r)} }

// next returns the next event. io.EOF says that the stream ended between two.
func (s *eventStream) next() (event, error) {
	var e event
	s.data = s.data[:0]
	for first := true; ; first = false {
		line, err := s.nextLine()
		switch {
		case errors.Is(err, io.EOF) && first && len(line) == 0:
			return e, io.EOF
		case errors.Is(err, io.EOF):
			return e, io.ErrUnexpectedEOF // what is not whole does not count
		case err != nil:
			return e, err
		case len(line) == 0:
			e.data = bytes.TrimSuffix(s.data, []byte("\n"))
			return e, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if err := s.field(&e, string(name), bytes.TrimPrefix(value, []byte(" "))); err != nil {
			return e, err
		}
	}
}

func (s *eventStream) field(e *event, name string, value []byte) error {
	switch name {
	case "event":
		e.kind = string(value)
	case "data":
		if len(s.data)+len(value) > maxEvent {
			return errLongEvent
		}
		s.data = append(append(s.data, value...), '\n')
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			s.id = string(value)
		}
	case "retry":
		if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
			s.retry = time.Duration(ms) * time.Millisecond
		}
	}
	return nil
}

// nextLine returns the next line without its end. AtomMQ ends lines with LF.
func (s *eventStream) nextLine() ([]byte, error) {
	s.line = s.line[:0]
	for {
		piece, err := s.lines.ReadSlice('\n')
		if len(s.line)+len(piece) > maxEvent {
			return nil, errLongEvent
		}
		s.line = append(s.line, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSuffix(bytes.TrimSuffix(s.line, []byte("\n")), []byte("\r")), err
		}
	}
}
