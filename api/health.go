package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"atommq/bus"
)

// readyWait is how long the store may take over a write.
const readyWait = 2 * time.Second

// getHealth says that the process runs.
func getHealth(w http.ResponseWriter, _ *http.Request) error {
	sendOK(w)
	return nil
}

// getReady says that the store takes writes.
func (s *site) getReady(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyWait)
	defer cancel()
	if err := s.bus.Ready(ctx); err != nil {
		s.log.WarnContext(r.Context(), "not ready", "request", requestID(w), "error", err)
		return &problemError{
			Status: http.StatusServiceUnavailable,
			Detail: fmt.Sprintf("%s The log has the reason, under request %s.", unreadiness(err), requestID(w)),
			Header: retryAfter,
		}
	}
	sendOK(w)
	return nil
}

// unreadiness says what keeps the store from taking writes.
func unreadiness(err error) string {
	switch {
	case errors.Is(err, bus.ErrReadOnly):
		return "The storage can be read and not written."
	case errors.Is(err, bus.ErrFull):
		return "The storage is full."
	case errors.Is(err, bus.ErrClosed):
		return "The server is shutting down."
	}
	return "The storage does not answer."
}

func sendOK(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"] = typeText
	h["Cache-Control"] = noStore
	writeTo(w, []byte("ok\n"))
}
