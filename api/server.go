package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Server serves HTTP, streams included.
type Server struct {
	*http.Server
	live   *live
	routes *Routes
}

// NewServer returns the server for routes, with a time limit on everything a client can hold up.
// ReadTimeout and WriteTimeout are the time for the first 256 KiB of a body and again for each
// further 256 KiB: a large one may take long, as long as it moves.
func NewServer(routes *Routes, log *slog.Logger) *Server {
	return &Server{&http.Server{
		Handler:           routes,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second, // longer, so that a body that stalls can still be answered
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ConnContext:       keepConnection,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}, routes.site.live, routes}
}

// Stats tells what the server has done and who reads from it.
func (s *Server) Stats() Stats { return s.routes.Stats() }

// Shutdown tells the readers of streams to come back later, answers those who wait, and returns
// when all of them and all other requests are finished. When ctx ends first, it cuts off the
// streams and returns an error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.live.end()
	err := s.Server.Shutdown(ctx)
	return errors.Join(err, s.live.wait(ctx))
}

// Close breaks all connections.
func (s *Server) Close() error {
	s.live.end()
	s.live.cut()
	err := s.Server.Close()
	<-s.live.idle
	return err
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
