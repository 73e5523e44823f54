package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"atommq/feeds"
)

// hasty is a server, or a cache before it, that answers everything at once.
type hasty struct {
	answer func(stream bool) *http.Response
	asked  int
	enough func() // is called at the thousandth request
}

func (h *hasty) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.asked++; h.asked == 1000 {
		h.enough()
	}
	resp := h.answer(r.Header.Get("Accept") == typeEvents)
	resp.Request = r
	return resp, nil
}

// streamOf answers with events, and then the error.
func streamOf(events string, end error) func(bool) *http.Response {
	return func(bool) *http.Response {
		return answerOf(http.StatusOK, http.Header{"Content-Type": {typeEvents}}, strings.NewReader(events), iotest.ErrReader(end))
	}
}

// pageOf answers with a feed document alone.
func pageOf(inside string, head http.Header) func(bool) *http.Response {
	return func(stream bool) *http.Response {
		if stream {
			return answerOf(http.StatusNotAcceptable, http.Header{})
		}
		return answerOf(http.StatusOK, head, strings.NewReader(`<feed xmlns="`+feeds.NamespaceAtom+`">`+inside+`</feed>`))
	}
}

func answerOf(status int, head http.Header, body ...io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: head, Body: io.NopCloser(io.MultiReader(body...))}
}

func TestWhoFollowsAsksEverLessOftenWhereNothingIsWaitedFor(t *testing.T) {
	waited := http.Header{"Xlastid": {"5"}, "Preference-Applied": {"wait=45"}}
	for name, answer := range map[string]func(bool) *http.Response{
		"a stream that ends":                 streamOf("id: 5\n\n", io.EOF),
		"a stream that breaks":               streamOf("id: 5\n\n", io.ErrClosedPipe),
		"a stream that asks for 24 days":     streamOf("retry: 2147483647\nid: 5\n\n", io.EOF),
		"a page that does not wait":          pageOf("", http.Header{"Xlastid": {"5"}}),
		"a page that is said to have waited": pageOf("", waited),
		"a page that always has a next one":  pageOf(`<link rel="next" href="/"/>`, waited),
		"a page that was read before":        pageOf(`<entry><id xmlns="urn:atommq">5</id></entry>`, waited),
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			server := &hasty{answer: answer, enough: cancel}
			client := &Client{BaseURL: "http://hasty", HTTP: &http.Client{Transport: server}}
			err := client.Follow(ctx, &Following{Feeds: []string{"x"}, After: 5}, func(*BatchEntry) error { return nil })
			if n := server.asked; !errors.Is(err, context.DeadlineExceeded) || n < 10 || n > 600 {
				t.Errorf("%s: asked %d times in an hour, until %v", name, n, err)
			}
		})
	}
}

func TestWhoFollowsIsNotSlowedDownByWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		server := &hasty{enough: cancel}
		server.answer = func(stream bool) *http.Response {
			return pageOf("", http.Header{"Xlastid": {strconv.Itoa(server.asked)}})(stream)
		}
		begun := time.Now()
		client := &Client{BaseURL: "http://hasty", HTTP: &http.Client{Transport: server}}
		err := client.Follow(ctx, &Following{Feeds: []string{"x"}}, func(*BatchEntry) error { return nil })
		if !errors.Is(err, context.Canceled) || time.Since(begun) > 0 {
			t.Errorf("%d pages in %v, until %v", server.asked, time.Since(begun), err)
		}
	})
}

func TestALeapSecondIsRead(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPost, "/feeds/x", "<entry><title>t</title><updated>2016-12-31T23:59:60Z</updated></entry>", atomType).want(t, http.StatusCreated)
	batch, err := (&Client{BaseURL: s.url, HTTP: s.client}).Read(t.Context(), &Following{Feeds: []string{"x"}}, 10)
	if err != nil || len(batch.Entries) != 1 || batch.Entries[0].Updated.Year() != 2017 {
		t.Errorf("Read = %+v, %v", batch, err)
	}
}

// What no header field can say fails for good.
func TestWhatCannotBeSentIsNotTriedAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	client := &Client{BaseURL: "http://127.0.0.1:1", Retry: time.Hour}
	for _, field := range []struct{ contentType, key string }{{"text/plain", "k\x01"}, {"text/plain\r\nX: y", ""}} {
		if _, err := client.Publish(ctx, "x", field.contentType, []byte("x"), field.key); !errors.Is(err, errMisuse) {
			t.Errorf("%q: %v", field, err)
		}
	}
	client.Login, client.Passcode = "a:b", "secret"
	if _, err := client.Publish(ctx, "x", "text/plain", []byte("x"), ""); !errors.Is(err, errMisuse) {
		t.Errorf("login a:b: %v", err)
	}
}

func TestAnyMediaTypeThatAHeaderFieldMayHaveIsSent(t *testing.T) {
	s := serve(t, Handler{})
	client := &Client{BaseURL: s.url, HTTP: s.client}
	for _, contentType := range []string{"text/plain;\tcharset=utf-8", `text/plain; title="ü"`} {
		if _, err := client.Publish(t.Context(), "x", contentType, []byte("x"), ""); err != nil {
			t.Errorf("%q: %v", contentType, err)
		}
	}
}

// Base64 of XML that cannot stand in an entry may be parted by comments.
func TestPackedXMLIsReadWithoutItsComments(t *testing.T) {
	for content, want := range map[string]string{
		"PGE+<!---->PC9hPg==": "PGE+PC9hPg==",
		"<a>b<!-- c --></a>":  "<a>b<!-- c --></a>",
	} {
		batch, err := parseBatch([]byte(`<feed xmlns="` + feeds.NamespaceAtom + `"><entry><content type="text/xml">` + content + `</content></entry></feed>`))
		if err != nil || batch.Entries[0].Content != want {
			t.Errorf("%s: %+v, %v", content, batch, err)
		}
	}
}
