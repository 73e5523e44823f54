package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
)

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:        "serve",
		SuggestFor: []string{"start", "run"},
		Short:      "Run the bus, with HTTP and STOMP",
		Long: `Serve runs the bus on a database, which it makes if there is none and migrates if it
is older. It prints the URLs it serves, and logs on standard error. On SIGTERM or
SIGINT it finishes what it accepted; a second signal ends it at once.`,
	}
	s := declare(cmd, append([]string{"http", "https", "fcgi", "trusted-proxies", "cors-origins", "max-media", "workspaces", "send-bytes", "archive-bytes", "max-http-connections", "max-readers", "max-wait", "stream-lifetime", "stream-heart-beat"}, gatewaySettings()...)...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return serve(cmd.Context(), s, cmd.OutOrStdout(), newLogger(cmd.ErrOrStderr(), s))
	}
	return cmd
}

// serve runs until ctx ends, then finishes.
func serve(ctx context.Context, s *settings, out io.Writer, log *slog.Logger) (err error) {
	warnOfUnknown(os.Environ(), log)
	if err := errors.Join(s.checkAccount(), s.checkBaseURL()); err != nil {
		return err
	}
	in, err := openEntrances(ctx, s, log)
	if err != nil {
		return err
	}
	defer in.close()
	if len(in.web)+len(in.fastCGI) == 0 {
		return misusef("nothing to serve HTTP at: give --http, --https or --fcgi an address; atommq gateway serves STOMP alone")
	}
	admin, err := openAdminDoor(ctx, s)
	if err != nil {
		return err
	}
	defer admin.close()
	n, err := openServed(ctx, s, in, log)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, n.close())
		log.Info("stopped")
	}()
	if err := n.mustWrite(ctx, s, log); err != nil {
		return err
	}
	gateway := n.gateway(s, in.siteURL(s), log)
	m := newMetrics(n, in.crowd, gateway, s.MetricsQueues.value, log)
	told := m.handler(log)
	server, err := n.webServer(s, gateway, told, log)
	if err != nil {
		return err
	}
	m.http = server.Stats
	if s.BaseURL != "" && len(in.web) > 0 {
		in.web[0].standBehind(in.siteURL(s))
	}
	defer in.certificate.keep(ctx)()
	services := append(in.services(server, gateway), n.adminServices(admin, told, log)...)
	if err := n.guard(in, s); err != nil {
		return err
	}
	return services.run(ctx, s, out, log)
}

// newLogger makes the logger that --log-level and --log-format ask for.
func newLogger(w io.Writer, s *settings) *slog.Logger {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	options := &slog.HandlerOptions{Level: levels[s.LogLevel.value]}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if s.LogFormat.value == "json" {
		handler = slog.NewJSONHandler(w, options)
	}
	return slog.New(newCalmLog(handler))
}
