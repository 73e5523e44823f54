package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"atommq/db"
	"atommq/stompgw"
)

// finishWait is how long what is under way may take once a process is told to
// stop; systemd kills after 90 s.
const finishWait = 30 * time.Second

// server serves clients. Both of its methods may be called for several listeners.
type server interface {
	// Serve accepts connections until Shutdown; then it returns http.ErrServerClosed or
	// stompgw.ErrServerClosed.
	Serve(l net.Listener) error
	// Shutdown accepts no more and returns when all that was accepted is finished. When ctx ends
	// first, it cuts the rest off and returns an error.
	Shutdown(ctx context.Context) error
}

var (
	_ server = (*webServer)(nil)
	_ server = (*stompgw.Server)(nil)
	_ server = (*http.Server)(nil)
)

// service is a server at a door.
type service struct {
	*door
	server server
}

type services []service

// run serves until ctx ends, or one of the services fails, then lets what is under way finish.
func (ss services) run(ctx context.Context, s *settings, out io.Writer, log *slog.Logger) error {
	var told []string
	for _, sv := range ss {
		told = append(told, sv.url+sv.reach)
	}
	if _, err := fmt.Fprintf(out, "AtomMQ serves %s\n", enumerate(told)); err != nil {
		return err
	}
	log.Info("serving", "at", strings.Join(told, " "), "db", db.Name(s.DB), "version", version)
	ended := make(chan error, len(ss))
	for _, sv := range ss {
		go func() { ended <- sv.serve() }()
	}
	notify(daemon.SdNotifyReady, log)
	var failed error
	running := len(ss)
	select {
	case failed = <-ended:
		running--
	case <-ctx.Done():
	}
	ss.stop(ctx, log)
	for range running {
		failed = errors.Join(failed, <-ended)
	}
	return failed
}

// serve serves at the service's door until that is shut.
func (sv service) serve() error {
	err := sv.server.Serve(sv.Listener)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, stompgw.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", sv.url, err)
}

// stop has all accept no more, and finish, at the same time.
func (ss services) stop(ctx context.Context, log *slog.Logger) {
	notify(daemon.SdNotifyStopping, log)
	log.Info("stopping: finishing what is under way")
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWait)
	defer cancel()
	var stopping sync.WaitGroup
	for _, sv := range ss {
		stopping.Go(func() {
			if err := sv.server.Shutdown(finish); err != nil {
				log.Warn("what is still under way is cut off", "at", sv.url, "waited", finishWait, "error", err)
			}
		})
	}
	stopping.Wait()
}

// enumerate writes words as a sentence has them: "a, b and c".
func enumerate(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
