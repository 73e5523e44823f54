package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"atommq/feeds"
)

// A server that ends each stream, or a cache that replays an empty page, must not be asked over and over.
func TestWhoFollowsDoesNotAskOverAndOver(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"a stream that ends": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", typeEvents)
			_, _ = w.Write([]byte("id: 5\n\n"))
		},
		"a page that is said to have waited": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept") == typeEvents {
				w.WriteHeader(http.StatusNotAcceptable)
				return
			}
			w.Header().Set("Xlastid", "5")
			w.Header().Set("Preference-Applied", "wait=45")
			_, _ = w.Write([]byte(`<feed xmlns="` + feeds.NamespaceAtom + `"></feed>`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				answer(w, r)
			}))
			defer s.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			client := &Client{BaseURL: s.URL, HTTP: s.Client()}
			_ = client.Follow(ctx, &Following{Feeds: []string{"x"}, After: 5}, func(*BatchEntry) error { return nil })
			if n := asked.Load(); n > 30 {
				t.Errorf("%d requests in a second", n)
			}
		})
	}
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
	client := &Client{BaseURL: "http://127.0.0.1:1", Retry: time.Hour}
	for _, field := range []struct{ contentType, key string }{{"text/plain", "k\x01"}, {"text/plain\r\nX: y", ""}} {
		if _, err := client.Publish(t.Context(), "x", field.contentType, []byte("x"), field.key); !errors.Is(err, errMisuse) {
			t.Errorf("%q: %v", field, err)
		}
	}
}
