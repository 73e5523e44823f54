package api

import (
	"log/slog"
	"net/http"
	"time"
)

// NewServer returns the server for a handler made by Handler.Routes, with a time limit on
// everything a client can hold up. Large bodies get more time as they move, in both directions.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       stall,
		WriteTimeout:      2 * stall, // so that a body that stalls can still be answered
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
