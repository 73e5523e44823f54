package feeds

import (
	"regexp"
	"strings"
	"testing"
)

// The grammar of W3C Trace Context §3.2, with what a later version may have behind it.
var traceGrammar = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-[0-9a-f-]*)?$`)

// What is taken for a traceparent follows the grammar, and an entry keeps it.
func FuzzTrace(f *testing.F) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, s := range []string{trace, trace + "-", "01" + trace[2:] + "-ab", "ff" + trace[2:], strings.ToUpper(trace), strings.Repeat("0", 55), trace + "\r\nx: y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parts := traceGrammar.FindStringSubmatch(s)
		want := parts != nil && len(s) <= longestTrace && parts[1] != "ff" && (parts[1] != "00" || parts[4] == "") &&
			strings.Trim(parts[2], "0") != "" && strings.Trim(parts[3], "0") != ""
		if got := IsTrace(s); got != want {
			t.Fatalf("%q: %v, and the grammar says %v", s, got, want)
		}
		if !want {
			return
		}
		d, err := Parse(WithTrace([]byte(`<entry xmlns="http://www.w3.org/2005/Atom"><title>t</title></entry>`), s), "", Limits{})
		if err != nil || d.Entries[0].Trace != s {
			t.Fatalf("%q comes back as %+v, %v", s, d, err)
		}
	})
}
