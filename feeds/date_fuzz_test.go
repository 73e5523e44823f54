package feeds

import (
	"testing"
	"time"
)

// A date that is taken comes back as the same moment from how it is written.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"2026-03-14T15:09:26Z", " 2026-03-14T15:09:26.123456789+05:30\n", "2016-12-31T23:59:60Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:60-23:59", "2026-02-30T00:00:00Z", "2026-03-14T15:09:26,5Z", "2026-01-31T3:59:59Z", "2026-01-31T13:59:59+24:00", "2026-01-31T13:59:59.5+01:60"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		at, ok := parseDate(b)
		if !ok {
			return
		}
		if at.Location() != time.UTC {
			t.Fatalf("%q is read in %v", b, at.Location())
		}
		again, ok := parseDate(appendTime(nil, at))
		if !ok || !again.Equal(at.Truncate(time.Microsecond)) {
			t.Fatalf("%q is %v, and written %q", b, at, appendTime(nil, at))
		}
	})
}
