package api

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// readyWait is how long the store may take to answer.
const readyWait = 2 * time.Second

// getHealth says that the process runs.
func getHealth(w http.ResponseWriter, _ *http.Request) error {
	sendOK(w)
	return nil
}

// getReady says that the store answers.
func (s *site) getReady(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyWait)
	defer cancel()
	if err := s.bus.Ready(ctx); err != nil {
		s.log.WarnContext(r.Context(), "not ready", "error", err)
		return &problemError{
			Status: http.StatusServiceUnavailable,
			Detail: fmt.Sprintf("The storage does not answer. The log has the reason, under request %s.", requestID(w)),
			Header: retryAfter,
		}
	}
	sendOK(w)
	return nil
}

func sendOK(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"] = typeText
	h["Cache-Control"] = noStore
	writeTo(w, []byte("ok\n"))
}
