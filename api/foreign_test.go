package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// foreignPage is an answer as another server gives it.
func foreignPage(status int, mediaType, text string) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status,
		Header: http.Header{"Content-Type": {mediaType}}, Body: io.NopCloser(strings.NewReader(text)),
	}
}

// stranger answers every request with the same page.
type stranger struct {
	status          int
	mediaType, text string
}

func (s stranger) RoundTrip(*http.Request) (*http.Response, error) {
	return foreignPage(s.status, s.mediaType, s.text), nil
}

func TestWhatIsNotAtomMQsIsToldAsSuch(t *testing.T) {
	for _, other := range []stranger{
		{http.StatusOK, "text/html", "<!DOCTYPE html><title>It works"},
		{http.StatusOK, "application/json", "{}"},
		{http.StatusOK, "text/plain", "healthy"},
		{http.StatusOK, "text/event-stream", "data: hello\n\n"},
		{http.StatusCreated, "text/html", "<p>Created"},
		{http.StatusNoContent, "", ""},
		{http.StatusNotFound, "text/html", "<p>Not found"},
		{http.StatusNotFound, "text/plain", "404 page not found"},
		{http.StatusMethodNotAllowed, "text/html", "<p>No"},
	} {
		for name, ask := range map[string]func(context.Context, *Client) error{
			"publish": publishOne,
			"read": func(ctx context.Context, c *Client) error {
				_, err := c.After(ctx, "x", 0, 1)
				return err
			},
			"claim": func(ctx context.Context, c *Client) error {
				_, err := c.Claim(ctx, ClaimConfig{Feed: "x"})
				return err
			},
			"healthy": func(ctx context.Context, c *Client) error { return c.Healthy(ctx) },
			"ready":   func(ctx context.Context, c *Client) error { return c.Ready(ctx) },
			"follow": func(ctx context.Context, c *Client) error {
				return c.Follow(ctx, &Following{Feeds: []string{"x"}}, func(*BatchEntry) error { return nil })
			},
		} {
			synctest.Test(t, func(t *testing.T) {
				c := &Client{BaseURL: "http://other", HTTP: &http.Client{Transport: other}, Retry: time.Hour}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begun := time.Now()
				if err := ask(ctx, c); !errors.Is(err, ErrForeign) || time.Since(begun) > 0 {
					t.Errorf("%s of %+v: %v after %v", name, other, err, time.Since(begun))
				}
			})
		}
	}
}

func TestARefusalOfAtomMQIsNotForeign(t *testing.T) {
	s := serve(t, Handler{})
	c := &Client{BaseURL: s.url, HTTP: s.client}
	_, missing := c.After(t.Context(), "none", 0, 1)
	c.BaseURL += "/service"
	for _, err := range []error{missing, publishOne(t.Context(), c)} {
		if _, ok := errors.AsType[*StatusError](err); !ok || errors.Is(err, ErrForeign) {
			t.Error(err)
		}
	}
}

// maintained is a proxy that shows a page of its own to the second reader and some after it.
func maintained() func(http.Handler) http.Handler {
	var readers atomic.Int32
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				if n := readers.Add(1); n > 1 && n < 6 {
					_, _ = io.WriteString(w, "<!DOCTYPE html><p>We are back soon")
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestAFollowerWaitsForThePageOfAProxyToPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := newInMemory(t, maintained())
		lost := 0
		f := &Following{Feeds: []string{"x"}, Lost: func(error) { lost++ }}
		done := make(chan error, 1)
		go func() { done <- c.Follow(t.Context(), f, func(*BatchEntry) error { return io.EOF }) }()
		synctest.Wait() // the stream has begun
		m.stop(true)
		m.start()
		if err := publishOne(t.Context(), c); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, io.EOF) || lost != 1 {
			t.Errorf("it ends with %v, the server lost %d times", err, lost)
		}
		c.HTTP.CloseIdleConnections()
		m.stop(true)
	})
}
