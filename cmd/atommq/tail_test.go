package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"atommq/api"
	"atommq/feeds"
)

// silentTransport answers no request.
type silentTransport struct{}

func (silentTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// heardOnce ends a test with the first thing that is told.
type heardOnce struct {
	text []byte
	end  context.CancelFunc
}

func (h *heardOnce) Write(p []byte) (int, error) {
	h.end()
	h.text = append(h.text, p...)
	return len(p), nil
}

func TestTailTellsOfASilentServerOnceHoweverManyFeedsItFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		told := &heardOnce{end: cancel}
		reader := tail{
			client: &api.Client{BaseURL: "http://silent", HTTP: &http.Client{Transport: silentTransport{}}},
			feeds:  api.Following{Feeds: []string{"a", "b", "c", "d"}}, follow: true, warn: told,
		}
		begun := time.Now()
		err := reader.run(ctx)
		if took := time.Since(begun); err != nil || took > time.Minute || !strings.Contains(string(told.text), "http://silent does not answer") {
			t.Errorf("after %v: %v, and %s", took, err, told.text)
		}
	})
}

func TestTailTellsWhyALetterIsDead(t *testing.T) {
	var out strings.Builder
	letter := &api.BatchEntry{ID: 43, Title: "resize 42.png", Message: &feeds.Message{Header: []feeds.Field{
		{Name: "dead-cause", Value: "nack"}, {Name: "dead-attempts", Value: "3"}, {Name: "dead-id", Value: "42"}, {Name: "dead-feed", Value: "jobs"},
	}}}
	if err := showText(&out, false)(letter); err != nil || !strings.HasSuffix(out.String(), "  resize 42.png  (nack at attempt 3; it was 42 of jobs)\n") {
		t.Errorf("%q, %v", out.String(), err)
	}
}
