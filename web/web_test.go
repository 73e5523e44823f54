package web

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	g "maragu.dev/gomponents"

	"atommq/feeds"
)

func TestPagesSayWhatABrowserMayDo(t *testing.T) {
	w := render(t, func(w *httptest.ResponseRecorder) error { return New().Feed(w, pageOf("x")) })
	hash := func(element string) string {
		_, rest, _ := strings.Cut(w.Body.String(), "<"+element+">")
		text, _, _ := strings.Cut(rest, "</"+element+">")
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	want := http.Header{
		"Content-Type": {"text/html; charset=utf-8"},
		"Content-Security-Policy": {"default-src 'none'; style-src " + hash("style") + "; script-src " + hash("script") +
			"; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
		"X-Content-Type-Options": {"nosniff"},
		"Referrer-Policy":        {"no-referrer"},
	}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestAPageThatFailsLeavesTheResponseUntouched(t *testing.T) {
	p := New()
	for name, write := range map[string]func(http.ResponseWriter) error{
		"half a page": func(w http.ResponseWriter) error {
			return p.write(w, g.Group{g.Text("half a page"), g.NodeFunc(func(io.Writer) error { return io.ErrShortWrite })})
		},
		"no member": func(w http.ResponseWriter) error { return p.Member(w, pageOf("x")) },
		"deleted":   func(w http.ResponseWriter) error { return p.Member(w, pageOf("x", tombstone("x", 1))) },
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := write(w); err == nil {
				t.Error("no error")
			}
			if w.Body.Len() > 0 || len(w.Header()) > 0 {
				t.Errorf("wrote %q with %v", w.Body, w.Header())
			}
		})
	}
}

func TestOneUnreadableEntryLeavesItsPageStanding(t *testing.T) {
	broken := post(t, "x", 1, entry(`<title>a</title>`))
	broken.XML = []byte(`<entry xmlns="http://www.w3.org/2005/Atom"><content>cut sh`)
	page := pageOf("x", broken, post(t, "x", 2, entry(`<title>b</title>`)))
	body := render(t, func(w *httptest.ResponseRecorder) error { return New().Feed(w, page) }).Body.String()
	if !strings.Contains(body, "cannot be shown") || !strings.Contains(body, ">b</a>") {
		t.Errorf("got %s", body)
	}
}

func TestAnEntryHasBoundedPartsOnAFeedPage(t *testing.T) {
	many := strings.Repeat(`<category term="a"/><link rel="related" href="https://example.org/"/>`, 500)
	page := pageOf("x", post(t, "x", 1, entry(`<title>a</title>`, many)))
	body := render(t, func(w *httptest.ResponseRecorder) error { return New().Feed(w, page) }).Body.String()
	if n := strings.Count(body, `href="https://example.org/"`); n != onePage.items {
		t.Errorf("%d links on the feed page, want %d", n, onePage.items)
	}
	if !strings.Contains(body, "984 more categories and links") {
		t.Error("the feed page does not say that there are more")
	}
}

func TestAFeedPageStaysSmallWhateverItsEntriesHold(t *testing.T) {
	p := New()
	for name, body := range map[string]string{
		"one huge entry": strings.Repeat("a", 2<<20),
		"text":           strings.Repeat("a", 20_000),
		"html":           strings.Repeat("&lt;b>&lt;p>", 2000),
	} {
		m := post(t, "x", 1, entry(`<title>a</title><content type="html">`, body, `</content>`))
		page := pageOf("x", slices.Repeat([]*feeds.Member{m}, 1000)...)
		got := render(t, func(w *httptest.ResponseRecorder) error { return p.Feed(w, page) })
		if n := got.Body.Len(); n > 10<<20 {
			t.Errorf("%s: a page of 1000 takes %d bytes", name, n)
		}
	}
}

func BenchmarkFeedPage(b *testing.B) {
	p := New()
	var members []*feeds.Member
	for id := range int64(100) {
		members = append(members, post(b, "x", id, releaseNotes))
	}
	page := pageOf("x", members...)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Feed(httptest.NewRecorder(), page); err != nil {
			b.Fatal(err)
		}
	}
}
