package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"github.com/spf13/pflag"

	"atommq/bus"
)

// adminWait is how long the database may take over a write before a process is not ready.
const adminWait = 2 * time.Second

// adminServer answers operators and their programs: metrics, health, profiles.
type adminServer struct {
	bus     *bus.Bus
	metrics http.Handler
	log     *slog.Logger
}

// adminSettings are those of who looks after a process.
func adminSettings() []setting {
	return []setting{
		{"admin", "`address` to serve metrics, health and profiles on, such as 127.0.0.1:9164; off for none",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.Admin, n, off, h) }},
		{"metrics", "`who` may read /metrics: local, programs on this machine; all, who reaches an address; off, nobody at --http",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.Metrics = choice{"local", []string{"local", "all", "off"}}
				f.Var(&s.Metrics, n, h)
			}},
		{"metrics-queues", "`number` of queues with metrics of their own, the longest ones; the others are summed up",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.MetricsQueues = ceiling{50, 1000}
				f.Var(&s.MetricsQueues, n, h)
			}},
	}
}

// openAdminDoor opens the address of --admin, nil for none. Another address than one of this
// machine's own has to be meant.
func openAdminDoor(ctx context.Context, s *settings) (*door, error) {
	if isOff(s.Admin) {
		return nil, nil
	}
	d, err := openDoor(ctx, "http", "--admin", s.Admin)
	if err != nil {
		return nil, s.from("admin", err)
	}
	if !d.isLoopback() && s.Metrics.value != "all" {
		address := d.Addr()
		return nil, errors.Join(misusef("--admin %s: other machines reach %s, and metrics name feeds and queues: add --metrics all if they may, or give an address such as 127.0.0.1:9164", s.Admin, address), d.Close())
	}
	d.url += "metrics"
	return d, nil
}

// adminServices has operators served at d, if that is open.
func (n *node) adminServices(d *door, metrics http.Handler, log *slog.Logger) services {
	if d == nil {
		return nil
	}
	a := &adminServer{bus: n.bus, metrics: metrics, log: log}
	return services{{d, a.server(d)}}
}

// server makes the HTTP server for d.
func (a *adminServer) server(d *door) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { sayOK(w) })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "AtomMQ's operators find /metrics, /healthz, /readyz and /debug/pprof/ here.\n")
	})
	for path, profile := range map[string]http.HandlerFunc{ // but for the command line, which may hold a passcode
		"/debug/pprof/": pprof.Index, "/debug/pprof/profile": pprof.Profile, "/debug/pprof/symbol": pprof.Symbol, "/debug/pprof/trace": pprof.Trace,
	} {
		mux.Handle(path, a.local(profile))
	}
	handler := http.Handler(mux)
	if d.isLoopback() {
		handler = onlyByAddress(mux)
	}
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      5 * time.Minute, // of a profile
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}

// ready says whether the database takes writes.
func (a *adminServer) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), adminWait)
	defer cancel()
	if err := a.bus.Ready(ctx); err != nil {
		a.log.WarnContext(r.Context(), "not ready", "error", err)
		http.Error(w, "The storage takes no writes: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	sayOK(w)
}

func sayOK(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok\n")
}

// local lets in who asks from this machine, whatever the address: a profile holds what is in
// memory, passwords among it.
func (a *adminServer) local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !at.Addr().Unmap().IsLoopback() {
			http.Error(w, "Profiles are for programs on this machine: ask from there, or through ssh -L.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// onlyByAddress refuses requests that call this machine by a name of somebody else's making: a page
// on the web could have its own name lead here, and read the answers (DNS rebinding).
func onlyByAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isForeignName(hostname(r.Host)) {
			http.Error(w, "Ask for 127.0.0.1, [::1] or localhost.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
