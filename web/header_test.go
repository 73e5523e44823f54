package web

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"atommq/feeds"
)

func TestHeadersOfASTOMPMessageAreShown(t *testing.T) {
	page := pageOf("orders", stompMessage(t, "orders", 50))
	for name, write := range map[string]func(*httptest.ResponseRecorder) error{
		"feed":   func(w *httptest.ResponseRecorder) error { return New().Feed(w, page) },
		"member": func(w *httptest.ResponseRecorder) error { return New().Member(w, page) },
	} {
		t.Run(name, func(t *testing.T) {
			body := render(t, write).Body.String()
			checkPage(t, body)
			for _, want := range []string{
				"<dt><bdi>content-type</bdi></dt><dd><bdi>application/json</bdi></dd>",
				"<dt><bdi>customer</bdi></dt><dd><bdi>ACME &amp; &lt;Co.&gt;</bdi></dd>",
			} {
				if !strings.Contains(body, want) {
					t.Errorf("no %s in\n%s", want, body)
				}
			}
			if strings.Contains(body, "<bdi>title</bdi>") {
				t.Error("the header that the title was made of is shown once more")
			}
		})
	}
}

func TestFeedPageShowsTheBeginningOfManyAndLongHeaders(t *testing.T) {
	m := &feeds.Message{Body: []byte("x")}
	for i := range 20 {
		m.Header = append(m.Header, feeds.Field{Name: "h" + strconv.Itoa(i), Value: strings.Repeat("v", 1000)})
	}
	e, err := feeds.ComposeMessage("", m)
	if err != nil {
		t.Fatal(err)
	}
	page := pageOf("f", post(t, "f", 1, string(e.XML)))
	body := render(t, func(w *httptest.ResponseRecorder) error { return New().Feed(w, page) }).Body.String()
	if !strings.Contains(body, ">12 more headers</a>") || strings.Contains(body, strings.Repeat("v", 201)) {
		t.Errorf("the page is\n%s", body)
	}
	body = render(t, func(w *httptest.ResponseRecorder) error { return New().Member(w, page) }).Body.String()
	if n := strings.Count(body, "<dd><bdi>"+strings.Repeat("v", 1000)); n != 20 {
		t.Errorf("the member's page shows %d", n)
	}
}
