package feeds

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// Whatever is taken for a feed's name is one segment of a URL, comes back from it, and breaks no line.
func FuzzName(f *testing.F) {
	for _, name := range []string{"news", "a/b ü", "..", "%2e%2e", "a\x00b", "x?y#z", "\u2028", "\ufffe", strings.Repeat("ü", 128), "*"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		u, err := url.Parse("http://host" + Path(name))
		if err != nil {
			t.Fatal(err)
		}
		segment, ok := strings.CutPrefix(u.EscapedPath(), "/feeds/")
		if !ok || strings.Contains(segment, "/") || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q is at %s", name, u)
		}
		if back, err := url.PathUnescape(segment); err != nil || back != name {
			t.Fatalf("%q comes back as %q, %v", name, back, err)
		}
		if strings.ContainsFunc(name, unicode.IsControl) {
			t.Fatalf("%q has control characters", name)
		}
	})
}
