package main

import (
	"io"
	"strings"
	"unicode"
)

// oneLine makes text that may come from anybody one line of its own, so that none of it passes
// for another entry.
func oneLine(s string) string { return strings.ReplaceAll(printable(s), "\n", " ") }

// printable replaces what would command a terminal instead of showing on it, and what would have it
// show the text around in another order (UAX #9, Bidi_Control).
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// toPeople writes what people read, in whole runes, printable: names may come from anybody.
type toPeople struct{ io.Writer }

func (w toPeople) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, printable(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
