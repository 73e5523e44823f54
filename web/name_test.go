package web

import (
	"net/http/httptest"
	"strings"
	"testing"

	"atommq/feeds"
)

func TestEveryFeedHasANameToSeeAndClick(t *testing.T) {
	for name, want := range map[string]string{
		"news":             "news",
		"two  words":       "two  words",
		" ":                "␣",
		"  \u00a0\u3000":   "␣␣␣␣",
		" a b  ":           "␣a b␣␣",
		"\u200b":           "␣",
		" \u200b\u2060":    "␣␣␣",
		"a\u200b":          "a\u200b",
		"\u200fمستودع":     "\u200fمستودع",
		"\u0301":           "\u0301",
		"🐈":                "🐈",
		"\u2028news\u2029": "␣news␣",
	} {
		if got := visible(name); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
	p := New()
	blank := pageOf(" ", post(t, " ", 1, entry(`<title>a</title>`)))
	for page, write := range map[string]func(w *httptest.ResponseRecorder) error{
		"the list of feeds": func(w *httptest.ResponseRecorder) error {
			return p.Feeds(w, &feeds.List{Base: base, Feeds: []feeds.Feed{{Name: " "}}})
		},
		"an entry's page": func(w *httptest.ResponseRecorder) error { return p.Member(w, blank) },
	} {
		body := render(t, write).Body.String()
		if !strings.Contains(body, base+`/feeds/%20"><bdi>␣</bdi></a>`) {
			t.Errorf("%s shows nothing to click:\n%s", page, body)
		}
	}
	body := render(t, func(w *httptest.ResponseRecorder) error { return p.Feed(w, blank) }).Body.String()
	if !strings.Contains(body, ">␣</h1>") {
		t.Error("the feed's own page has no title")
	}
}
