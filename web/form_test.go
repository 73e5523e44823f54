package web

import (
	"net/http/httptest"
	"strings"
	"testing"

	"atommq/feeds"
)

func TestAPageOffersWhatTheFeedTakesAndNothingElse(t *testing.T) {
	const form, text, atom, file = `id="post"`, "Post a line of text", "Post an Atom entry", "Post a file"
	all := []string{form, text, atom, file}
	p := New()
	for name, test := range map[string]struct {
		accepts  feeds.Accepts
		readOnly bool
		offered  string
	}{
		"everything":               {nil, false, form + text + atom},
		"everything, but not you":  {nil, true, ""},
		"nothing":                  {feeds.Accepts{}, false, ""},
		"all types":                {feeds.Accepts{"*/*"}, false, form + text + atom},
		"pictures":                 {feeds.Accepts{"image/*"}, false, file},
		"pictures, but not of you": {feeds.Accepts{"image/*"}, true, ""},
		"text":                     {feeds.Accepts{"text/*"}, false, text},
		"entries":                  {feeds.Accepts{"application/atom+xml;type=entry"}, false, atom},
		"feed documents":           {feeds.Accepts{"application/atom+xml;type=feed"}, false, file},
		"forms":                    {feeds.Accepts{"application/x-www-form-urlencoded"}, false, form},
		"text and JSON":            {feeds.Accepts{"text/plain", "application/json"}, false, text + file},
		"what is never taken":      {feeds.Accepts{"multipart/form-data"}, false, ""},
	} {
		for _, page := range []*feeds.Page{pageOf("x"), pageOf("x", post(t, "x", 1, entry(`<title>a</title>`)))} {
			page.Feed.Accepts, page.ReadOnly = test.accepts, test.readOnly
			body := render(t, func(w *httptest.ResponseRecorder) error { return p.Feed(w, page) }).Body.String()
			for _, what := range all {
				if got, want := strings.Contains(body, what), strings.Contains(test.offered, what); got != want {
					t.Errorf("%s, %d entries: it is %v that there is %q", name, len(page.Members), got, what)
				}
			}
			if asked := strings.Contains(body, "Post the first one") || strings.Contains(body, "Post to this feed"); asked != (test.offered != "") {
				t.Errorf("%s, %d entries: it is %v that the page asks for posts", name, len(page.Members), asked)
			}
			if !strings.Contains(body, "Xlastid") {
				t.Errorf("%s: the page does not say how to follow", name)
			}
		}
	}
}

func TestTheFormOffersTheCategoriesThatAreFixed(t *testing.T) {
	p := New()
	for name, test := range map[string]struct {
		categories  feeds.Categories
		want, wrong string
	}{
		"all":   {feeds.Categories{List: []feeds.Category{{Term: "a"}}}, `<input name="category"`, "<option value=\"a\""},
		"fixed": {feeds.Categories{Fixed: true, List: []feeds.Category{{Term: `"a"`, Label: "<A>"}}}, `<option value="&#34;a&#34;">&lt;A&gt;</option>`, `<input name="category"`},
		"none":  {feeds.Categories{Fixed: true}, `id="post"`, `name="category"`},
	} {
		page := pageOf("x")
		page.Feed.Categories = test.categories
		body := render(t, func(w *httptest.ResponseRecorder) error { return p.Feed(w, page) }).Body.String()
		if !strings.Contains(body, test.want) || strings.Contains(body, test.wrong) {
			t.Errorf("%s: want %s and no %s in\n%s", name, test.want, test.wrong, body)
		}
	}
}
