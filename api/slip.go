package api

import (
	"slices"
	"strings"
)

// viewParameters are those that readers of entries may give.
var viewParameters = []string{"after", "category", "data", "feed", "format", "last-event-id", "lastEventId", "limit", "newer-than", "older-than", "start_after", "start_at", "upto"}

// unknown refuses a parameter that looks like a misspelt one of known: the answer would not be what
// was asked for. Others pass: who shares links adds some of his own.
func unknown(name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	for _, meant := range known {
		if isSlip(plain(name), plain(meant)) {
			return badRequest("%.40q is not a parameter here: did you mean %s? These are: %s.", name, meant, strings.Join(slices.Sorted(slices.Values(known)), ", "))
		}
	}
	return nil
}

// plain writes a parameter's name without what is easily confused.
func plain(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
}

// isSlip reports whether typed is meant, but for a letter too many, too few or wrong, or two in
// the wrong order.
func isSlip(typed, meant string) bool {
	for typed != "" && meant != "" && typed[0] == meant[0] {
		typed, meant = typed[1:], meant[1:]
	}
	for typed != "" && meant != "" && typed[len(typed)-1] == meant[len(meant)-1] {
		typed, meant = typed[:len(typed)-1], meant[:len(meant)-1]
	}
	swapped := len(typed) == 2 && len(meant) == 2 && typed[0] == meant[1] && typed[1] == meant[0]
	return len(typed) <= 1 && len(meant) <= 1 || swapped
}
