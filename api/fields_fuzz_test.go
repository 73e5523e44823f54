package api

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// Whatever stands in a request's fields, what is taken of them is what later code relies on.
func FuzzFields(f *testing.F) {
	f.Add("wait=30", `"1", W/"2"`, "A%20cat", "text/plain; charset=utf-8", "key")
	f.Add(`respond-async, wait="10"; x="a,b", wait=99999999999`, "*", "%ff", `multipart/form-data; boundary="`, "\x7f")
	f.Add("WAIT=-1", `W/"`, "a%0ab", "a/b;c=d;c=e", "")
	f.Add("wait=2147483648", `,,"",""`, "%", "text/html\r\nX: y", strings.Repeat("k", 256))
	f.Fuzz(func(t *testing.T, prefer, tags, slug, contentType, key string) {
		r := &http.Request{Header: http.Header{"Prefer": {prefer}, "Slug": {slug}, "Content-Type": {contentType}, "Idempotency-Key": {key}}}
		if wait := waitOf(r); wait < 0 || wait > (1<<31)*time.Second {
			t.Fatalf("Prefer %q waits %v", prefer, wait)
		}
		for list := tags; ; {
			tag, _, rest, ok := nextTag(list)
			if !ok {
				break
			}
			if len(rest) >= len(list) || !strings.Contains(tags, quoted(tag)) || strings.Contains(tag, `"`) {
				t.Fatalf("%q has the tag %q, with %q behind it", list, tag, rest)
			}
			list = rest
		}
		if key, err := idempotencyKey(r); err == nil && (key == "" || len(key) > 255 || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' })) {
			t.Fatalf("the key %q is taken", key)
		}
		p, err := describeBody(r)
		if err != nil {
			return
		}
		if !utf8.ValidString(p.slug) || strings.ContainsFunc(p.slug, unicode.IsControl) {
			t.Fatalf("Slug %q is %q", slug, p.slug)
		}
		if strings.ContainsAny(p.typ+p.whole, "\r\n\x00") || p.typ != strings.ToLower(p.typ) {
			t.Fatalf("Content-Type %q is %q, in full %q", contentType, p.typ, p.whole)
		}
	})
}
