package api

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAClientClaimsAndSettles(t *testing.T) {
	s := serve(t, Handler{Access: shared(t, "u", "p")})
	c := &Client{BaseURL: s.url, HTTP: s.client, Login: "u", Passcode: "p"}
	ctx := t.Context()
	if list, err := c.Claim(ctx, ClaimConfig{Feed: "a b", Queue: "q/r"}); err != nil || len(list) != 0 {
		t.Fatalf("a claim of nothing: %v, %v", list, err)
	}
	for _, body := range []string{"one", "two\x00"} {
		s.do(http.MethodPost, "/feeds/a%20b", body, "Content-Type: text/plain", "Authorization: Basic dTpw").want(t, http.StatusCreated)
	}
	list, err := c.Claim(ctx, ClaimConfig{Feed: "a b", Queue: "q/r", Count: 5, AckTimeout: 90 * time.Second, Wait: time.Second})
	if err != nil || len(list) != 2 {
		t.Fatalf("Claim = %d, %v", len(list), err)
	}
	one, two := list[0], list[1]
	if string(one.Content) != "one" || one.Type != "text/plain" || one.Attempt != 1 || string(two.Content) != "two\x00" {
		t.Errorf("claims %+v and %+v", one, two)
	}
	if err := c.Renew(ctx, one, time.Hour); err != nil || time.Until(one.Deadline) < 50*time.Minute {
		t.Errorf("Renew: %v, until %v", err, one.Deadline)
	}
	if err := c.Ack(ctx, one); err != nil {
		t.Error(err)
	}
	if err := c.Nack(ctx, two); err != nil {
		t.Error(err)
	}
	for status, err := range map[int]error{http.StatusGone: c.Ack(ctx, one), http.StatusConflict: c.Ack(ctx, two)} {
		if refused, ok := errors.AsType[*StatusError](err); !ok || refused.Status != status {
			t.Errorf("Ack of a lost claim: %v, want status %d", err, status)
		}
	}
	if _, err := c.Claim(ctx, ClaimConfig{Feed: "a b", Count: 5000}); err == nil || !strings.Contains(err.Error(), "400 Bad Request: count: \"5000\" is not a whole number from 1 to") {
		t.Errorf("the client does not tell why it is refused: %v", err)
	}
}

// A server without a base URL writes the address that it was reached at, which is one of several.
func TestAClaimIsSettledUnderTheNameThatTheServerIsKnownBy(t *testing.T) {
	s := serve(t, Handler{Access: shared(t, "u", "p")})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{BaseURL: "http://localhost:" + port + "/", HTTP: s.client, Login: "u", Passcode: "p"}
	if _, err := c.Claim(t.Context(), ClaimConfig{Feed: "x"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.Publish(t.Context(), "x", "text/plain", []byte("work"), ""); err != nil {
			t.Fatal(err)
		}
	}
	list, err := c.Claim(t.Context(), ClaimConfig{Feed: "x", Count: 2})
	if err != nil || len(list) != 2 {
		t.Fatalf("Claim = %d, %v", len(list), err)
	}
	if err := errors.Join(c.Renew(t.Context(), list[0], time.Hour), c.Ack(t.Context(), list[0]), c.Nack(t.Context(), list[1])); err != nil {
		t.Error(err)
	}
}

func TestAClaimWhoseLinksLeadElsewhereIsForeign(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"claims":[{"id":1,"ack":"http://elsewhere.example/x","nack":"","renew":""}]}`))
	}))
	defer s.Close()
	if _, err := (&Client{BaseURL: s.URL}).Claim(t.Context(), ClaimConfig{Feed: "x"}); !errors.Is(err, ErrForeign) {
		t.Errorf("Claim: %v", err)
	}
}
