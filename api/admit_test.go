package api

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"atommq/feeds"
)

func TestThePasscodeGuardsEverythingButHealth(t *testing.T) {
	s := serve(t, Handler{Access: shared(t, "me", "pässword:1")})
	for _, path := range []string{"/", "/service", "/feeds", "/feeds/x", "/readyz", "/nothing"} {
		s.get(path).want(t, http.StatusUnauthorized).wantField(t, "WWW-Authenticate", `Basic realm="AtomMQ", charset="UTF-8"`)
	}
	s.do(http.MethodPost, "/feeds/x", entry("a"), atomType).want(t, http.StatusUnauthorized)
	s.get("/healthz").want(t, http.StatusOK)
	for credentials, status := range map[[2]string]int{
		{"me", "pässword:1"}: http.StatusOK, {"me", "wrong"}: http.StatusUnauthorized, {"you", "pässword:1"}: http.StatusUnauthorized,
		{"", "pässword:1"}: http.StatusUnauthorized, {"me", ""}: http.StatusUnauthorized,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/feeds", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(credentials[0], credentials[1])
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%q: status %d, want %d", credentials, resp.StatusCode, status)
		}
	}
}

func TestASitesOwnPagesMayPost(t *testing.T) {
	s := serve(t, Handler{BaseURL: "https://mq.example"})
	post := func(fields ...string) *answer {
		return s.do(http.MethodPost, "/feeds/x", entry("a"), append(fields, atomType)...)
	}
	post("Sec-Fetch-Site: same-origin").want(t, http.StatusCreated)
	post("Sec-Fetch-Site: cross-site", "Origin: https://mq.example").want(t, http.StatusCreated)
	post("Sec-Fetch-Site: cross-site", "Origin: https://evil.example").want(t, http.StatusForbidden)
}

// panicPages is a Pages that breaks after its first bytes.
type panicPages struct{ plainPages }

func (panicPages) Feed(w http.ResponseWriter, _ *feeds.Page) error {
	w.Header().Set("Content-Type", "text/html")
	if _, err := w.Write([]byte("half a page")); err != nil {
		return err
	}
	panic("secret")
}

func TestAPanicIsLoggedAndAnswered(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, Handler{Pages: panicPages{}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	s.publish("x", "e")
	a := s.get("/feeds/x", "Accept: text/html", "X-Request-ID: req-7").want(t, http.StatusInternalServerError)
	a.wantField(t, "X-Request-ID", "req-7")
	if strings.Contains(a.body, "secret") || strings.Contains(a.body, "half") {
		t.Errorf("the answer shows: %s", a.body)
	}
	if !strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "request=req-7") || !strings.Contains(log.String(), "admit_test.go") {
		t.Errorf("the log has: %s", log.String())
	}
	s.get("/feeds/x").want(t, http.StatusOK)
}

func TestRequestsAreLoggedAtLevelDebug(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, Handler{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	s.get("/feeds/none", "X-Request-ID: r1").want(t, http.StatusNotFound)
	for _, want := range []string{"msg=served", "request=r1", "status=404", "path=/feeds/none", "no such feed"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, log.String())
		}
	}
}
