package bus

import (
	"strings"
	"testing"
	"unicode"
)

// Rights are read as they are written, and what may name an account or feeds breaks no line and no
// command that is shown.
func FuzzRights(f *testing.F) {
	for _, text := range []string{"read,publish", " admin", "read,,edit", "consume,consume", "anonymous", "orders*", "a'b", "-x", "$(id)"} {
		f.Add(text, text, text)
	}
	f.Fuzz(func(t *testing.T, text, name, pattern string) {
		if r, err := ParseRights(text); err == nil {
			if again, err := ParseRights(r.String()); err != nil || again != r || r == 0 {
				t.Fatalf("%q reads %v, and %q reads %v, %v", text, r, r.String(), again, err)
			}
		}
		if CheckAccountName(name) != nil || CheckPattern(pattern) != nil {
			return
		}
		if strings.ContainsFunc(name, unicode.IsControl) || strings.ContainsAny(name, ": ") || strings.ContainsFunc(pattern, unicode.IsControl) {
			t.Fatalf("%q may name an account, and %q feeds", name, pattern)
		}
		want := []string{"atommq", "user", "allow", name, "read", pattern}
		if words := shellWords(t, Allowing(name, RightRead, pattern)); strings.Join(words, "\x00") != strings.Join(want, "\x00") {
			t.Fatalf("%q reads as the words %q", Allowing(name, RightRead, pattern), words)
		}
	})
}

// shellWords takes a command apart as a POSIX shell does, and fails where anything but quotes,
// words and spaces would be special.
func shellWords(t *testing.T, line string) (words []string) {
	t.Helper()
	var word strings.Builder
	quoted := false
	for rest := line; rest != ""; rest = rest[1:] {
		switch c := rest[0]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
			word.WriteByte(c)
		case c == '\\' && len(rest) > 1:
			rest = rest[1:]
			word.WriteByte(rest[0])
		case c == ' ':
			words = append(words, word.String())
			word.Reset()
		case strings.IndexByte("$`\"&|;<>()*?[]#~=%!{}\n\t", c) >= 0:
			t.Fatalf("%q has a special %q outside of quotes", line, c)
		default:
			word.WriteByte(c)
		}
	}
	if quoted {
		t.Fatalf("%q leaves a quote open", line)
	}
	return append(words, word.String())
}
