package api

import (
	"errors"
	"net/http"
	"testing"

	"atommq/bus"
)

// passwordCounter counts the requests that carry a password.
type passwordCounter struct {
	http.RoundTripper
	passwords int
}

func (c *passwordCounter) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, _, ok := r.BasicAuth(); ok {
		c.passwords++
	}
	return c.RoundTripper.RoundTrip(r)
}

func TestTheClientTellsWhetherAServerIsWell(t *testing.T) {
	s := serve(t, Handler{Access: shared(t, "me", "secret")})
	counter := &passwordCounter{RoundTripper: s.client.Transport}
	c := &Client{BaseURL: s.url, HTTP: &http.Client{Transport: counter}, Login: "me", Passcode: "secret"}
	if err := c.Healthy(t.Context()); err != nil || counter.passwords != 0 {
		t.Errorf("healthy: %v, with %d passwords", err, counter.passwords)
	}
	if err := c.Ready(t.Context()); err != nil || counter.passwords != 1 {
		t.Errorf("ready: %v, with %d passwords", err, counter.passwords)
	}
}

func TestTheClientTellsAServerThatIsNotReady(t *testing.T) {
	s := serve(t, Handler{})
	s.store.BeforeCommit = func([]*bus.Op) error { return bus.ErrReadOnly }
	c := &Client{BaseURL: s.url, HTTP: s.client}
	if refused, ok := errors.AsType[*StatusError](c.Ready(t.Context())); !ok || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("a store that takes no writes is %v", refused)
	}
	if err := c.Healthy(t.Context()); err != nil {
		t.Errorf("its process is %v", err)
	}
}
