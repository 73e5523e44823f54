package bus

import (
	"slices"
	"strconv"
	"strings"
)

// Selection names the feeds that somebody reads or follows: some by name, others by how their names
// begin. Only and Select make one.
type Selection struct {
	feeds    []string // in order, none of them under a prefix
	prefixes []string // in order, none of them under another one
}

// Only selects one feed.
func Only(feed string) Selection { return Selection{feeds: []string{feed}} }

// Select selects feeds by name and by prefix. The empty prefix is every feed's. What is selected
// twice counts once.
func Select(feeds, prefixes []string) Selection {
	var s Selection
	for _, p := range slices.Sorted(slices.Values(prefixes)) {
		if !s.covers(p) {
			s.prefixes = append(s.prefixes, p)
		}
	}
	for _, f := range slices.Sorted(slices.Values(feeds)) {
		if !s.Has(f) {
			s.feeds = append(s.feeds, f)
		}
	}
	return s
}

// Has reports whether the selection has a feed of this name.
func (s *Selection) Has(feed string) bool {
	_, found := slices.BinarySearch(s.feeds, feed)
	return found || s.covers(feed)
}

// covers reports whether a prefix of the selection begins name.
func (s *Selection) covers(name string) bool {
	for _, p := range s.prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// None reports whether nothing is selected.
func (s *Selection) None() bool { return len(s.feeds)+len(s.prefixes) == 0 }

// Equal reports whether other selects by the same names and prefixes.
func (s *Selection) Equal(other Selection) bool {
	return slices.Equal(s.feeds, other.feeds) && slices.Equal(s.prefixes, other.prefixes)
}

// One returns the only feed of the selection; ok is false when it has several, or a prefix.
func (s *Selection) One() (feed string, ok bool) {
	if len(s.feeds) != 1 || len(s.prefixes) > 0 {
		return "", false
	}
	return s.feeds[0], true
}

// Feeds returns the names that are selected one by one, in order.
func (s *Selection) Feeds() []string { return s.feeds }

// Prefixes returns the prefixes, in order.
func (s *Selection) Prefixes() []string { return s.prefixes }

// key returns what two selections have in common that select the same.
func (s *Selection) key() string {
	var b []byte
	for _, f := range s.feeds {
		b = append(append(strconv.AppendInt(b, int64(len(f)), 10), '='), f...)
	}
	for _, p := range s.prefixes {
		b = append(append(strconv.AppendInt(b, int64(len(p)), 10), '*'), p...)
	}
	return string(b)
}
