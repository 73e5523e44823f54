package feeds

import (
	"errors"
	"net/url"
	"unicode/utf8"
)

// MaxName bounds a feed's name, in bytes.
const MaxName = 255

// CheckName reports why name cannot name a feed: it takes 1 to 255 bytes of
// valid UTF-8 without control characters or Unicode noncharacters, and not "."
// or "..", which no URL can carry.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("a feed's name must not be empty")
	case len(name) > MaxName:
		return errors.New("a feed's name takes at most 255 bytes")
	case name == "." || name == "..":
		return errors.New(`"." and ".." cannot name a feed: URLs drop them`)
	case !utf8.ValidString(name):
		return errors.New("a feed's name must be valid UTF-8")
	}
	for _, r := range name {
		if r < 0x20 || 0x7F <= r && r < 0xA0 {
			return errors.New("a feed's name must not hold control characters")
		}
		if noncharacter(r) {
			return errors.New("a feed's name must not hold Unicode noncharacters")
		}
	}
	return nil
}

func noncharacter(r rune) bool {
	return r&0xFFFE == 0xFFFE || 0xFDD0 <= r && r <= 0xFDEF
}

// Path returns the escaped URL path of a feed's collection, "/feeds/a%2Fb".
func Path(name string) string { return "/feeds/" + url.PathEscape(name) }
