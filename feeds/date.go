package feeds

import (
	"bytes"
	"time"
)

// ParseDate reads a date as an entry may have it, leap seconds included: the zero time for any other.
func ParseDate(s string) time.Time {
	t, _ := parseDate([]byte(s))
	return t
}

// parseDate reads a date construct (RFC 4287 §3.3): RFC 3339 with an upper-case
// T and Z, of a time that can be written. White space around it is not held against its publisher.
func parseDate(b []byte) (time.Time, bool) {
	b = bytes.Trim(b, " \t\r\n")
	if len(b) > 64 || bytes.IndexByte(b, ',') >= 0 {
		return time.Time{}, false // package time takes a comma, RFC 3339 does not
	}
	s := string(b)
	leap := len(s) > 19 && s[17:19] == "60"
	if leap {
		s = s[:17] + "59" + s[19:]
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || !isStrict(s) {
		return time.Time{}, false
	}
	if leap {
		t = t.Add(time.Second)
	}
	t = t.UTC()
	return t, canBeWritten(t)
}

// isStrict reports whether s, which package time takes, has what RFC 3339 §5.6 asks for and package
// time does not: an hour of two digits, and an offset of at most 23:59.
func isStrict(s string) bool {
	if s[len("2006-01-02T1")] == ':' {
		return false
	}
	offset := s[len(s)-len("07:00"):]
	return s[len(s)-1] == 'Z' || offset[:2] <= "23" && offset[3:] <= "59"
}

// canBeWritten reports whether RFC 3339 has the year of t, out of which an offset may lead, and
// whether t is another than the zero time, which says that there is none.
func canBeWritten(t time.Time) bool {
	return t.Year() >= 1 && t.Year() <= 9999 && !t.Truncate(time.Microsecond).IsZero()
}

// appendTime appends t as every document shows it: in UTC, with at most microseconds.
func appendTime(dst []byte, t time.Time) []byte {
	return t.UTC().Truncate(time.Microsecond).AppendFormat(dst, time.RFC3339Nano)
}
