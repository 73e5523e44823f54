package api

import (
	"slices"
	"strconv"
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

// foreign refuses a parameter by which other interfaces, or other requests of this one, say where
// to go on or how long to wait: its reader would get the newest page again and again.
func foreign(name, value string) error {
	number := "N"
	if n, err := parseID(value); err == nil {
		number = strconv.FormatInt(n, 10)
	}
	name = strings.TrimSpace(name)
	switch p := plain(name); {
	case p == "since", p == "cursor", isSlip(p, "xlastid"):
		return badRequest("%.40q is not a parameter here: did you mean after? What came after an id is read with ?after=%s, or with the header field Xlastid: %[2]s.", name, number)
	case p == "wait":
		return badRequest("%.40q is not a parameter of a read: did you mean the header field Prefer: wait=%s? It goes with a cursor, as ?after=N.", name, number)
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
