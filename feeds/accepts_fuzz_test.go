package feeds

import (
	"strings"
	"testing"
)

// A field like Accept-Post lists the ranges: none may end its line.
func TestAMediaRangeBreaksNoLine(t *testing.T) {
	for _, r := range []string{"a/b;\r\nx=y", "\r\na/b", "a/b\t", "a/b; x=y\n"} {
		if err := (Accepts{r}).Check(); err == nil {
			t.Errorf("a feed may be said to accept %q", r)
		}
	}
}

// RFC 9110 §12.5.1: a range has a type and a subtype.
func TestAMediaRangeHasBothParts(t *testing.T) {
	for _, r := range []string{"/", "image/", "/png", "/&", "*/"} {
		if err := (Accepts{r}).Check(); err == nil {
			t.Errorf("a feed may be said to accept %q", r)
		}
	}
}

// Whatever a feed is said to accept can stand in a field and in a service document, and takes in itself.
func FuzzAccepts(f *testing.F) {
	for _, r := range []string{"image/*", "*/*", "application/*+json", "application/atom+xml;type=entry", "text/plain; charset=\"utf-8\"", "a/b;\r\nx=y", "*/", "/", "a/*b"} {
		f.Add(r, "image/png", "entry")
	}
	f.Fuzz(func(t *testing.T, r, typ, kind string) {
		a := Accepts{r}
		a.Allow(typ, kind)
		if a.Check() != nil {
			return
		}
		if strings.ContainsAny(a.Field(), "\r\n\x00<>,") {
			t.Fatalf("%q is accepted", r)
		}
		if media, _, _ := strings.Cut(r, ";"); !a.Allow(strings.ToLower(strings.TrimSpace(media)), "") {
			t.Fatalf("%q does not take in itself", r)
		}
	})
}
