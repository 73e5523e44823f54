package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"atommq/api"
	"atommq/web"
)

// finishWait is how long requests under way may take once the server is told to
// stop; systemd kills after 90 s.
const finishWait = 30 * time.Second

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the bus",
		Long: `Serve runs the bus on a database, which it makes if there is none and migrates if it
is older. It prints the URL it serves, and logs on standard error. On SIGTERM or
SIGINT it finishes what it accepted; a second signal ends it at once.`,
	}
	s := declare(cmd, "db", "http", "base-url", "login", "passcode", "max-body", "cache-bytes",
		"idempotency-window", "trusted-proxies", "log-level", "log-format")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return serve(cmd.Context(), s, cmd.OutOrStdout(), newLogger(cmd.ErrOrStderr(), s))
	}
	return cmd
}

// serve runs until ctx ends, then finishes.
func serve(ctx context.Context, s *settings, out io.Writer, log *slog.Logger) (err error) {
	if err := s.checkAccount(); err != nil {
		return err
	}
	if err := s.checkBaseURL(); err != nil {
		return err
	}
	listener, err := listen(ctx, s.HTTP)
	if err != nil {
		return err
	}
	defer listener.Close()
	n, err := openNode(ctx, s, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	server, err := n.server(s, log)
	if err != nil {
		return err
	}
	if s.Passcode == "" && !onLoopback(listener.Addr()) {
		log.Warn("everybody who reaches this address can read and write every feed; set --login and --passcode", "address", listener.Addr().String())
	}
	if _, err := fmt.Fprintf(out, "AtomMQ serves %s\n", siteURL(s, listener.Addr())); err != nil {
		return err
	}
	log.Info("serving", "address", listener.Addr().String(), "db", s.DB, "version", version)
	return serveUntil(ctx, server, listener, log)
}

// server makes the HTTP server of a node.
func (n *node) server(s *settings, log *slog.Logger) (*http.Server, error) {
	pages, err := web.New()
	if err != nil {
		return nil, err
	}
	h := api.Handler{
		Bus:            n.bus,
		Pages:          pages,
		Log:            log,
		BaseURL:        s.BaseURL,
		TrustedProxies: s.TrustedProxies,
		MaxBody:        int64(s.MaxBody),
		Login:          s.Login,
		Passcode:       s.Passcode,
	}
	routes, err := h.Routes()
	if err != nil {
		return nil, err
	}
	return api.NewServer(routes, log), nil
}

// serveUntil serves until ctx ends, then lets the requests under way finish.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener, log *slog.Logger) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping: finishing the requests under way")
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWait)
	defer cancel()
	err := server.Shutdown(finish)
	if err != nil {
		log.Warn("requests still under way are cut off", "waited", finishWait)
		err = server.Close()
	}
	if ended := <-failed; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// listen opens the address, or says in one line why it cannot.
func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is taken by another program: stop that, or choose another address with --http", address)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("not allowed to listen on %s: choose a port from 1024 up with --http", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s is not an address of this machine: choose another one with --http", address)
	}
	return nil, misusef("--http %s: %w", address, err)
}

// siteURL is the URL that clients on this machine can use.
func siteURL(s *settings, address net.Addr) string {
	if s.BaseURL != "" {
		return strings.TrimSuffix(s.BaseURL, "/") + "/"
	}
	at, err := netip.ParseAddrPort(address.String())
	if err == nil && at.Addr().IsUnspecified() {
		return fmt.Sprintf("http://localhost:%d/", at.Port())
	}
	return "http://" + address.String() + "/"
}

func onLoopback(address net.Addr) bool {
	at, err := netip.ParseAddrPort(address.String())
	return err == nil && at.Addr().IsLoopback()
}

// newLogger makes the logger that --log-level and --log-format ask for.
func newLogger(w io.Writer, s *settings) *slog.Logger {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	options := &slog.HandlerOptions{Level: levels[s.LogLevel.value]}
	if s.LogFormat.value == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
