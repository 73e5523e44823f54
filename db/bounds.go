package db

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// PostgreSQL keeps no text that is not UTF-8, or has a NUL in it, and refuses to compare with it.
// Cursors and prefixes may be any bytes.

// legible returns how much of s, from its start, a text can hold.
func legible(s string) int {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(s)
}

// legibleCursor returns a text that the same names come after as after s: the part that can be
// read. When what follows is not UTF-8, names that begin as s does may come again.
func legibleCursor(s string) string { return s[:legible(s)] }

// legibleBound returns the first text, in bytewise order, that is not before s, and whether there is one.
func legibleBound(s string) (string, bool) {
	n := legible(s)
	if n == len(s) {
		return s, true
	}
	head, tail := s[:n], s[n:]
	// The runes in order are in order as bytes, too; there is none from U+D800 to U+DFFF, nor NUL.
	const surrogates, afterSurrogates, runes = 0xD800, 0xE000, utf8.MaxRune + 1
	r := 1 + sort.Search(runes-1, func(i int) bool {
		r := rune(i + 1)
		if r >= surrogates && r < afterSurrogates {
			r = afterSurrogates
		}
		return strings.Compare(string(r), tail) >= 0
	})
	if r < runes {
		if r >= surrogates && r < afterSurrogates {
			r = afterSurrogates
		}
		return head + string(rune(r)), true
	}
	end := prefixEnd(head)
	if end == "" {
		return "", false
	}
	return legibleBound(end)
}
