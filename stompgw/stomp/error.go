package stomp

import (
	"bytes"
	"fmt"
)

// Error says how a frame breaks the protocol, or which limit it passes. Where the
// next frame begins is unknown after it, so a Reader that returned one is done.
type Error struct {
	Message string // one line, for the message header of an ERROR frame
	Detail  string // one line that says what to do, for its body
	Receipt string // of the frame, where that had been read: the receipt-id of the ERROR frame
	Limit   bool   // a limit is passed; otherwise the protocol is broken
}

func (e *Error) Error() string { return "stomp: " + e.Message + ": " + e.Detail }

// passes makes the Error for a limit.
func passes(what string, limit int, detail string) *Error {
	return &Error{Message: fmt.Sprintf("%s of a frame pass the limit of %d", what, limit), Detail: detail, Limit: true}
}

// quote shows hostile bytes in one short line.
func quote(text []byte) string { return fmt.Sprintf("%q", text[:min(len(text), 32)]) }

// noCommand makes the Error for what stands where a command belongs, and
// recognises those who knock at the wrong door.
func noCommand(line []byte) *Error {
	e := &Error{
		Message: quote(line) + " is no STOMP command",
		Detail:  "a frame begins with a command in capital letters alone in its line, such as SEND; a body longer than its content-length also ends up here",
	}
	switch {
	case bytes.HasPrefix(line, []byte("\x16\x03")): // TLS: a handshake record of version 3.x
		e.Message = "this is TLS, and here plain STOMP is spoken"
		e.Detail = "connect without TLS, or to the port that has it"
	case bytes.HasPrefix(line, []byte("GET ")), bytes.HasPrefix(line, []byte("POST ")), bytes.HasPrefix(line, []byte("HEAD ")):
		e.Message = "this is HTTP, and here STOMP is spoken"
		e.Detail = "use the HTTP port, where STOMP over WebSocket is spoken too"
	}
	return e
}

// noRoom makes the Error for a frame for which there is no memory at the moment.
func noRoom() *Error {
	return &Error{Message: "the server receives as much as it has memory for", Detail: "connect again later, and send the message again", Limit: true}
}
