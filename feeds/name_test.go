package feeds

import (
	"net/url"
	"strings"
	"testing"
)

func TestNamesThatURLsCanCarry(t *testing.T) {
	for _, name := range []string{"a", "a b", "ü", "x@y", "a/b", "<&>", "...", "%2F", "🎈", "\u00a0", strings.Repeat("x", 255), "a+b;c?d#e"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		path := Path(name)
		back, err := url.PathUnescape(strings.TrimPrefix(path, "/feeds/"))
		if err != nil || back != name || strings.ContainsAny(path, " ?#<>\"'") {
			t.Errorf("%q is at %q", name, path)
		}
		u, err := url.Parse("https://example.org" + path)
		if err != nil || u.Path != "/feeds/"+name {
			t.Errorf("%q is read as %q", path, u)
		}
	}
	if got := Path("a/b"); got != "/feeds/a%2Fb" {
		t.Error(got)
	}
}

func TestNamesThatAreRefused(t *testing.T) {
	for _, name := range []string{"", ".", "..", "\x00", "a\n", "\x7f", "\u0085", "\ufffe", "\ufdd0", "\U0001ffff", "\xff", "\xed\xa0\x80", strings.Repeat("x", 256)} {
		if CheckName(name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
}
