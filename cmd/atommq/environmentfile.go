package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// assignment is one NAME=value of an environment file.
type assignment struct {
	name, value string
	line        int  // from 1
	comment     bool // what may be meant as one stands in the value, without quotes
}

// byteOrderMark is what some editors put before UTF-8.
const byteOrderMark = "\uFEFF"

// readEnvironmentFile reads a file in the syntax of systemd.exec(5),
// EnvironmentFile=: lines of NAME=value, comments after # or ; at the start of a line, values
// bare, in single or in double quotes, continued after a backslash.
func readEnvironmentFile(path string) ([]assignment, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	if strings.HasPrefix(string(text), byteOrderMark) {
		return nil, fmt.Errorf("%s:1: begins with a byte order mark, which systemd takes for a part of the first name: save it without", path)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%s: is no text: name a file of ATOMMQ_…=value lines", path)
	}
	r := &environmentReader{rest: string(text), line: 1}
	var all []assignment
	for {
		a, ok, err := r.next()
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, a.line, err)
		}
		if !ok {
			return all, nil
		}
		all = append(all, a)
	}
}

// environmentReader walks through an environment file.
type environmentReader struct {
	rest    string
	line    int
	comment bool // as in the assignment that is read
}

// take returns the next n bytes and moves past them.
func (r *environmentReader) take(n int) string {
	s := r.rest[:n]
	r.rest = r.rest[n:]
	r.line += strings.Count(s, "\n")
	return s
}

// next returns the next assignment; ok is false at the end.
func (r *environmentReader) next() (a assignment, ok bool, err error) {
	for {
		r.take(len(r.rest) - len(strings.TrimLeft(r.rest, " \t\r\n")))
		if r.rest == "" {
			return a, false, nil
		}
		if r.rest[0] != '#' && r.rest[0] != ';' {
			break
		}
		r.take(r.toLineEnd())
	}
	a.line = r.line
	line, _, _ := strings.Cut(r.rest, "\n")
	name, _, found := strings.Cut(line, "=")
	if !found {
		return a, false, fmt.Errorf("no = in %.40q", strings.TrimSpace(line))
	}
	a.name = strings.TrimSpace(name)
	if words := strings.Fields(a.name); len(words) == 2 && words[0] == "export" {
		// A shell takes it. systemd passes over the line, and a lost passcode opens the server.
		return a, false, fmt.Errorf("systemd reads no export: write %s=…", words[1])
	}
	r.take(len(name) + 1)
	r.comment = false
	a.value, err = r.value()
	a.comment = r.comment
	return a, err == nil, err
}

func (r *environmentReader) toLineEnd() int {
	if i := strings.IndexByte(r.rest, '\n'); i >= 0 {
		return i
	}
	return len(r.rest)
}

// value reads up to the end of the line. Quoted and bare pieces may follow each
// other; quotes count only at the start of a piece.
func (r *environmentReader) value() (string, error) {
	var b strings.Builder
	for {
		space := r.take(len(r.rest) - len(strings.TrimLeft(r.rest, " \t\r")))
		if r.rest == "" || r.rest[0] == '\n' {
			return b.String(), nil
		}
		switch r.rest[0] {
		case '\'', '"':
			if err := r.quoted(&b); err != nil {
				return "", err
			}
		default:
			r.bare(&b, space != "")
		}
	}
}

// quoted reads a piece in quotes. A backslash in double quotes escapes only what a shell would
// expand, and continues the line.
func (r *environmentReader) quoted(b *strings.Builder) error {
	quote := r.take(1)[0]
	for r.rest != "" {
		c := r.take(1)[0]
		switch {
		case c == quote:
			return nil
		case c == '\\' && quote == '"' && r.rest != "":
			escaped := r.take(1)
			if !strings.Contains("\"\\`$\n", escaped) {
				b.WriteByte('\\')
			}
			if escaped != "\n" {
				b.WriteString(escaped)
			}
		default:
			b.WriteByte(c)
		}
	}
	return fmt.Errorf("no closing %c", quote)
}

// bare reads the rest of the line. White space at its end does not count. spaced says that there is
// some before it: behind that, a # begins a comment for a shell, and for systemd does not.
func (r *environmentReader) bare(b *strings.Builder, spaced bool) {
	var piece strings.Builder
	kept := 0
	for r.rest != "" && r.rest[0] != '\n' {
		c := r.take(1)
		escaped := c == `\` && r.rest != ""
		if escaped {
			if c = r.take(1); c == "\n" {
				continue
			}
		}
		piece.WriteString(c)
		r.comment = r.comment || c == "#" && spaced && !escaped
		if spaced = !escaped && strings.Contains(" \t\r", c); !spaced {
			kept = piece.Len()
		}
	}
	b.WriteString(piece.String()[:kept])
}
