package feeds

import (
	"net/url"
	"strings"
	"testing"
)

// A reference comes apart without losing anything, and is resolved as net/url does it where both parse.
func FuzzReference(f *testing.F) {
	for _, pair := range [][2]string{
		{"http://a/b/c/d;p?q", "../../g"}, {"http://a/b/c/d;p?q", "?y#s"}, {"http://a", "b"}, {"", "//x/.."}, {"urn:x", "#a"}, {"a/b", "../c"}, {"http://a/b/", "."}, {"%", ":"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, base, ref string) {
		for _, s := range []string{base, ref} {
			if r := splitReference(s); r.scheme+r.authority+r.path+r.query+r.fragment != s {
				t.Fatalf("%q comes apart as %+v", s, r)
			}
		}
		got := resolve(base, ref)
		if strings.Count(got, "") > strings.Count(base, "")+strings.Count(ref, "")+1 {
			t.Fatalf("%q at %q becomes the longer %q", ref, base, got)
		}
		if clean := removeDots(got); strings.HasPrefix(got, "/") && removeDots(clean) != clean {
			t.Fatalf("%q leaves dots in %q", got, clean)
		}
		if !isURIReference(ref) || !plainURL(base) {
			return
		}
		b, err := url.Parse(base)
		if err != nil {
			return
		}
		r, err := url.Parse(ref)
		if err != nil || r.Host == "" && strings.HasPrefix(ref, "//") || r.ForceQuery || r.Opaque != "" {
			return
		}
		if want := b.ResolveReference(r); want.String() != got && !strings.Contains(ref+base, "%") && !strings.HasSuffix(got, "#") {
			t.Fatalf("%q at %q is %q, and net/url has %q", ref, base, got, want)
		}
	})
}

// plainURL reports whether s is a URL with a host and an absolute path.
func plainURL(s string) bool {
	rest, ok := strings.CutPrefix(s, "http://host/")
	return ok && isURIReference(rest) && !strings.Contains(rest, ":")
}
