package web

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestAPageLinksToFilesAndShowsThePicturesAmongThem(t *testing.T) {
	p := New()
	for media, shown := range map[string]bool{
		"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/avif": true, "IMAGE/PNG; x=y": true,
		"image/svg+xml": false, "image/x-unknown": false, "text/html": false, "application/pdf": false, "video/webm": false, "image/png, image/svg+xml": false,
	} {
		page := pageOf("a/b", upload(t, "a/b", 1, `A "cat"`, media))
		path := "/feeds/a%2Fb/entries/" + page.Members[0].UUID + "/media"
		for name, write := range map[string]func(w *httptest.ResponseRecorder) error{
			"feed":  func(w *httptest.ResponseRecorder) error { return p.Feed(w, page) },
			"entry": func(w *httptest.ResponseRecorder) error { return p.Member(w, page) },
		} {
			body := html.UnescapeString(render(t, write).Body.String())
			if !strings.Contains(body, `<a href="`+base+path+`"`) || !strings.Contains(body, ">"+media+"<") {
				t.Errorf("the page of the %s has no link to %s:\n%s", name, media, body)
			}
			if got := strings.Contains(body, `<img src="`+path+`" alt="A "cat""`); got != shown {
				t.Errorf("the page of the %s shows %s: %v", name, media, got)
			}
		}
	}
}

// The policy holds even where HTML came through that should not have.
func TestABrowserShowsPicturesOfThePagesOwnServerAlone(t *testing.T) {
	elsewhere := newRequestLog(t, func(http.ResponseWriter) error { return nil })
	p := New()
	page := pageOf("photos", upload(t, "photos", 1, "A cat", "image/png"))
	srv := newRequestLog(t, func(w http.ResponseWriter) error {
		rec := httptest.NewRecorder()
		if err := p.Feed(rec, page); err != nil {
			return err
		}
		w.Header()["Content-Type"], w.Header()["Content-Security-Policy"] = rec.Header()["Content-Type"], rec.Header()["Content-Security-Policy"]
		_, err := fmt.Fprintf(w, "%s<img src=%q>", rec.Body, elsewhere.url+"/request")
		return err
	})
	checkRendered(t, browse(t, srv.url+"/feeds/photos"), "photos – AtomMQ")
	if media := "/feeds/photos/entries/" + page.Members[0].UUID + "/media"; !slices.Contains(srv.asked(), media) {
		t.Errorf("the browser asked for %q, want %s among them", srv.asked(), media)
	}
	elsewhere.want(t)
}
