package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

func gatewayCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Run STOMP alone, beside a server on the same database",
		Long: `Gateway serves STOMP, and nothing else, on a database that atommq serve, or atommq migrate up, has made,
or brought up to date: an older one it refuses. Any number of gateways and servers may share a database: what one
takes, the others give out. It prints the URLs it serves, and stops as serve does.`,
	}
	s := declare(cmd, gatewaySettings()...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return serveGateway(cmd.Context(), s, cmd.OutOrStdout(), newLogger(cmd.ErrOrStderr(), s))
	}
	return cmd
}

// gatewaySettings names the settings of whoever serves STOMP.
func gatewaySettings() []string {
	return []string{
		"db", "stomp", "stomp-tls", "tls-cert", "tls-key", "tls-client-ca", "tls-client-auth", "base-url", "login", "passcode", "max-body", "receive-bytes",
		"max-connections", "max-connections-per-address", "max-prefetch", "heart-beat", "cache-bytes", "idempotency-window", "log-level", "log-format",
		"admin", "metrics", "metrics-queues",
	}
}

// serveGateway runs until ctx ends, then finishes.
func serveGateway(ctx context.Context, s *settings, out io.Writer, log *slog.Logger) (err error) {
	warnOfUnknown(os.Environ(), log)
	if err := errors.Join(s.checkAccount(), s.checkBaseURL()); err != nil {
		return err
	}
	in, err := openEntrances(ctx, s, log)
	if err != nil {
		return err
	}
	defer in.close()
	if len(in.stomp) == 0 {
		return misusef("nothing to serve: give --stomp or --stomp-tls an address")
	}
	admin, err := openAdminDoor(ctx, s)
	if err != nil {
		return err
	}
	defer admin.close()
	n, err := openExisting(ctx, s, log)
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
	gateway := n.gateway(s, s.BaseURL, log)
	m := newMetrics(n, in.crowd, gateway, s.MetricsQueues.value, log)
	defer in.certificate.keep(ctx)()
	services := append(in.stomp.services(gateway), n.adminServices(admin, m.handler(log), log)...)
	if err := n.guard(in, s); err != nil {
		return err
	}
	return services.run(ctx, s, out, log)
}

// gateway makes the STOMP server of a node.
func (n *node) gateway(s *settings, baseURL string, log *slog.Logger) *stompgw.Server {
	return &stompgw.Server{
		Bus:            n.bus,
		Log:            log,
		BaseURL:        strings.TrimRight(baseURL, "/"),
		Access:         n.access,
		Limits:         stomp.Limits{BodyBytes: int(s.MaxBody), Room: n.receiving},
		MaxConnections: s.MaxConnections.value,
		MaxPrefetch:    s.MaxPrefetch.value,
		HeartBeat:      time.Duration(s.HeartBeat),
		OpenBytes:      s.openBytes,

		ClientCertificates: s.TLSClientCA != "",
	}
}
