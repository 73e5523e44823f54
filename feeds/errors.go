package feeds

import (
	"fmt"
	"unicode/utf8"
)

// SyntaxError says where a document stops being an Atom entry or feed.
type SyntaxError struct {
	Line, Column int // from 1; columns count characters
	Reason       string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// NoteError says why a Note makes no entry.
type NoteError struct{ Reason string }

func (e *NoteError) Error() string { return "no entry can be made of this: " + e.Reason }

// LimitError says which limit a document passes.
type LimitError struct {
	What string // "document size in bytes", "element depth" …
	Max  int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s passes the limit of %d", e.What, e.Max)
}

// EncodingError names a character encoding that is not understood.
type EncodingError struct{ Encoding string }

func (e *EncodingError) Error() string {
	return fmt.Sprintf("character encoding %q is not understood: send UTF-8 (or UTF-16, ISO-8859-1, US-ASCII)", e.Encoding)
}

// syntaxError makes the error for the byte at pos. Only here are lines
// counted, so that a good document does not pay for it.
func syntaxError(doc []byte, pos int, format string, args ...any) *SyntaxError {
	line, column := 1, 1
	for i := 0; i < pos; {
		r, size := utf8.DecodeRune(doc[i:])
		switch {
		case r == '\n' && i > 0 && doc[i-1] == '\r':
			// The second half of one line end (XML 1.0 §2.11).
		case r == '\n' || r == '\r':
			line, column = line+1, 1
		default:
			column++
		}
		i += size
	}
	return &SyntaxError{Line: line, Column: column, Reason: fmt.Sprintf(format, args...)}
}
