package api

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sync/semaphore"
)

func TestLongBodiesShareARoomAndGiveItBack(t *testing.T) {
	const size = 200 << 10
	room := semaphore.NewWeighted(size)
	s := serve(t, Handler{Receiving: room})
	post := func(bytes, want int) {
		t.Helper()
		a := s.do(http.MethodPost, "/feeds/x", strings.Repeat("x", bytes), "Content-Type: text/plain")
		a.want(t, want)
		if want == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "5" {
			t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
		}
	}
	for range 5 {
		post(250<<10, http.StatusCreated)
		post(300<<10, http.StatusServiceUnavailable)
	}
	if !room.TryAcquire(size) {
		t.Fatal("not all is given back")
	}
	post(64<<10, http.StatusCreated) // for which there is always room
	post(100<<10, http.StatusServiceUnavailable)
}

func TestWhatBecomesOfABodyCountsAsItDoes(t *testing.T) {
	const size = 200 << 10
	room := semaphore.NewWeighted(size)
	s := serve(t, Handler{Receiving: room})
	for range 3 {
		s.do(http.MethodPost, "/feeds/x", strings.Repeat("x", size), "Content-Type: text/plain").want(t, http.StatusCreated)
		s.do(http.MethodPost, "/feeds/x", strings.Repeat("&", size), "Content-Type: text/plain").want(t, http.StatusServiceUnavailable)
	}
	if !room.TryAcquire(size) {
		t.Fatal("not all is given back")
	}
}
