package api

import (
	"log/slog"
	"net/http"
	"time"
)

// NewServer returns the server for a handler made by Handler.Routes, with a time limit on
// everything a client can hold up. ReadTimeout and WriteTimeout are the time for the first
// 256 KiB of a body and again for each further 256 KiB: a large one may take long, as long as it moves.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second, // longer, so that a body that stalls can still be answered
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// extendWrite gives the next chunk of an answer its time.
func extendWrite(w http.ResponseWriter, r *http.Request) {
	if srv := serverOf(r); srv != nil && srv.WriteTimeout > 0 {
		// Where the connection takes no deadline there is none to extend.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(srv.WriteTimeout))
	}
}

// extendRead gives the next chunk of a body its time, and the answer after it.
func extendRead(w http.ResponseWriter, r *http.Request) {
	srv := serverOf(r)
	if srv == nil || srv.ReadTimeout <= 0 {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(srv.ReadTimeout))
	if srv.WriteTimeout > 0 {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(srv.ReadTimeout + srv.WriteTimeout))
	}
}

// serverOf returns the server that r came in on, nil under CGI.
func serverOf(r *http.Request) *http.Server {
	srv, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	return srv
}
