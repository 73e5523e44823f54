package web

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// openBox stands for a space that is to be seen.
const openBox = "␣"

// visible returns a name so that it can be seen and clicked: a page would leave out the spaces at
// its ends, and of some names nothing would be left.
func visible(name string) string {
	inner := strings.TrimFunc(name, unicode.IsSpace)
	if strings.IndexFunc(inner, isSeen) < 0 {
		inner = ""
	}
	before, after, _ := strings.Cut(name, inner)
	return boxes(before) + inner + boxes(after)
}

// isSeen reports whether r is more than a space, or a mark for how to write others.
func isSeen(r rune) bool { return r != ' ' && unicode.IsPrint(r) }

// boxes returns as many boxes as blank has characters.
func boxes(blank string) string { return strings.Repeat(openBox, utf8.RuneCountInString(blank)) }
