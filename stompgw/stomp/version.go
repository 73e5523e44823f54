package stomp

import "strings"

// Version is a version of the protocol.
type Version uint8

// The versions, oldest first, so that they compare.
const (
	V10 Version = iota
	V11
	V12
)

// Versions lists what this package speaks, as the version header of an ERROR
// that refuses a client's versions has to.
const Versions = "1.0,1.1,1.2"

func (v Version) String() string { return [...]string{"1.0", "1.1", "1.2"}[v] }

// ParseVersion understands "1.0", "1.1" and "1.2".
func ParseVersion(s string) (Version, bool) {
	switch s {
	case "1.0":
		return V10, true
	case "1.1":
		return V11, true
	case "1.2":
		return V12, true
	}
	return V10, false
}

// Negotiate picks the highest version that both sides speak from the value of an
// accept-version header, such as "1.1,1.2". A client that sends none speaks 1.0, so
// the empty value is 1.0. It reports false when there is no version in common.
func Negotiate[T ~[]byte | ~string](accept T) (Version, bool) {
	if len(accept) == 0 {
		return V10, true
	}
	best, found := V10, false
	for item := range strings.SplitSeq(string(accept), ",") {
		if v, ok := ParseVersion(strings.TrimSpace(item)); ok {
			best, found = max(best, v), true
		}
	}
	return best, found
}
