package api

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

// Whatever is posted as a form, as text or as JSON, and taken, becomes an entry that is valid Atom.
func FuzzNote(f *testing.F) {
	for _, form := range []string{"title=Lunch&content=at+one", "title=%00", "content=%00&type=image/png", "category=a&category=&category=b", "link=javascript:x", "title=a;b", "title=%ff", "author=%EF%BF%BE&title=x", "summary=%0d"} {
		f.Add([]byte(form), "application/x-www-form-urlencoded", "", "")
	}
	f.Add([]byte("t\xffext\x00"), "text/plain", "iso-8859-1", "A cat")
	f.Add([]byte("<p>&nbsp;"), "text/html", "", "")
	f.Add([]byte(`{"a": "\ud800"}`), "application/json", "", "\u0085")
	f.Fuzz(func(t *testing.T, body []byte, typ, charset, slug string) {
		p := &posted{body: body, typ: typ, charset: charset, slug: slugOf(slug)}
		for _, read := range []func(*posted) (feeds.Note, error){fieldNote, textNote, jsonNote} {
			note, err := read(p)
			if err != nil {
				continue
			}
			doc, err := compose(note, p)
			if err != nil {
				continue
			}
			if _, err := feeds.Parse(doc.Entries[0].XML, "", feeds.Limits{}); err != nil {
				t.Fatalf("%q as %s becomes\n%s\nwhich is no entry: %v", body, typ, doc.Entries[0].XML, err)
			}
		}
	})
}

// Whatever is put as settings is refused with a reason, or is set and comes back.
func FuzzSettingsBody(f *testing.F) {
	f.Add([]byte(`{"title":"t","accepts":["image/*"],"categories":{"fixed":true,"list":[{"term":"a"}]},"keep":{"age":60,"entries":1,"bytes":2}}`))
	f.Add([]byte(`{"keep":{"age":9223372036854775807}}`))
	f.Add([]byte(`{"accepts":[],"author":{"name":"\u0000"},"until_acked":null}`))
	f.Add([]byte(`{} {}`))
	f.Add([]byte(`{"keep":{"age":-1,"entries":-1}}`))
	b, err := bus.Open(context.Background(), new(bustest.Memory), nil, bus.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = b.Close() })
	routes, err := (&Handler{Bus: b, Log: slog.New(slog.DiscardHandler)}).Routes()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPut, "/feeds/x/settings", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusCreated, http.StatusOK:
			shown := httptest.NewRecorder()
			routes.ServeHTTP(shown, httptest.NewRequest(http.MethodGet, "/feeds/x/settings", http.NoBody))
			if shown.Code != http.StatusOK || !bytes.Equal(shown.Body.Bytes(), w.Body.Bytes()) {
				t.Fatalf("%q is set as %s, and shown as %d %s", body, w.Body, shown.Code, shown.Body)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		default:
			t.Fatalf("%q is answered with %d %s", body, w.Code, w.Body)
		}
	})
}
