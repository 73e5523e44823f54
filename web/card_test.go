package web

import (
	"net/http/httptest"
	"strings"
	"testing"

	"atommq/feeds"
)

func TestJSONIsShownOnce(t *testing.T) {
	for name, test := range map[string]struct {
		note       feeds.Note
		part       string // of the JSON as the page has it
		feed, self int    // how often the feed's page and the member's own show it
	}{
		"as title":                 {feeds.Note{Content: []byte(`{"order": 17}`)}, "order", 1, 2},
		"under a title of its own": {feeds.Note{Content: []byte(`{"name": "n", "order": 17}`)}, "order", 1, 1},
		"larger than its summary":  {feeds.Note{Content: []byte(`{"a":"` + strings.Repeat("x y ", 100) + `","order":17}`)}, "order", 1, 1},
		"with a summary of its own": {
			feeds.Note{Title: "t", Summary: "An order came.", Content: []byte(`{"order": 17}`)}, "order", 2, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.note.Type = "application/json"
			e, err := feeds.Compose(test.note)
			if err != nil {
				t.Fatal(err)
			}
			page := pageOf("f", post(t, "f", 1, string(e.XML)))
			for _, shown := range []struct {
				want  int
				write func(w *httptest.ResponseRecorder) error
			}{
				{test.feed, func(w *httptest.ResponseRecorder) error { return New().Feed(w, page) }},
				{test.self, func(w *httptest.ResponseRecorder) error { return New().Member(w, page) }},
			} {
				body := render(t, shown.write).Body.String()
				_, body, _ = strings.Cut(body, "<main")
				body, _, _ = strings.Cut(body, `<details class="panel source"`) // which has all of the entry once more
				body, _, _ = strings.Cut(body, "</main>")
				if got := strings.Count(body, test.part); got != shown.want {
					t.Errorf("%q stands %d times, want %d:\n%s", test.part, got, shown.want, body)
				}
			}
		})
	}
}

func TestADraftIsShownAsOneAndWithoutANumber(t *testing.T) {
	draft := post(t, "f", 1, entry("<title>later</title>"))
	draft.ID = -1
	body := render(t, func(w *httptest.ResponseRecorder) error { return New().Member(w, pageOf("f", draft)) }).Body.String()
	if !strings.Contains(body, `<span class="id">draft</span>`) || strings.Contains(body, "-1<") || strings.Contains(body, "Position") {
		t.Errorf("the page is %s", body)
	}
}

func TestWhatAnEntryWithoutATitleHoldsIsShown(t *testing.T) {
	for name, parts := range map[string]string{
		"HTML":      `<content type="html">&lt;em>marmalade&lt;/em></content>`,
		"a summary": `<summary type="html">&lt;em>marmalade&lt;/em></summary>`,
		"XML":       `<content type="application/xml"><a>marmalade</a></content>`,
		"elsewhere": `<content type="video/webm" src="https://example.org/marmalade"/>`,
		"binary":    `<content type="video/marmalade">aGVsbG8=</content>`,
	} {
		page := pageOf("f", post(t, "f", 1, entry(parts)))
		for where, write := range map[string]func(*httptest.ResponseRecorder) error{
			"feed":   func(w *httptest.ResponseRecorder) error { return New().Feed(w, page) },
			"member": func(w *httptest.ResponseRecorder) error { return New().Member(w, page) },
		} {
			body, _, _ := strings.Cut(render(t, write).Body.String(), `<details class="panel source"`)
			if !strings.Contains(body, "marmalade") {
				t.Errorf("%s: the page of the %s shows nothing of it", name, where)
			}
		}
	}
}
