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
		wantTraceKept(t, NewTrace(s))
	})
}

// The grammar of a member of a tracestate, §3.3.1.3, where a key of a system with tenants is one like others.
var stateGrammar = regexp.MustCompile(`^[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+--<>-~]{1,256}$`)

// What is taken for a tracestate follows the grammar and its bounds, and an entry keeps it.
func FuzzTraceState(f *testing.F) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, s := range []string{"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", " a=<&>\"' , ,b=2", "a@b=" + strings.Repeat("x", 257), strings.Repeat("a=1,", 40), "a=1\r\nx: y", "a=b=c", "A=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		trace := NewTrace(trace, s)
		if trace.State == "" {
			return
		}
		members := strings.Split(trace.State, ",")
		if len(members) > stateMembers || len(trace.State) > stateBytes {
			t.Fatalf("%q has %d members", trace.State, len(members))
		}
		for _, m := range members {
			if !stateGrammar.MatchString(m) {
				t.Fatalf("%q has the member %q", trace.State, m)
			}
		}
		wantTraceKept(t, trace)
	})
}

// wantTraceKept wants an entry to come back with its trace.
func wantTraceKept(t *testing.T, trace Trace) {
	t.Helper()
	d, err := Parse(WithTrace([]byte(`<entry xmlns="http://www.w3.org/2005/Atom"><title>t</title></entry>`), trace), "", Limits{})
	if err != nil || d.Entries[0].Trace != trace {
		t.Fatalf("%q comes back as %+v, %v", trace, d, err)
	}
}
