package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"atommq/api"
)

func healthCommand() *cobra.Command {
	var (
		ready bool
		wait  = period(5 * time.Second)
	)
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a server whether it is well, for scripts and containers",
		Long: `Health asks a running server whether it answers, which needs no account. With --ready it asks whether the
database takes writes, too: one that does not needs no restart, but should get no requests. It prints ok; otherwise
it says why not, and the exit status is 1. --url may also name the --admin address of a server or a gateway.`,
		Example: "  atommq health\n  atommq health --ready --url http://127.0.0.1:9164",
	}
	s := declareClient(cmd)
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether the database takes writes")
	cmd.Flags().Var(&wait, "timeout", "longest `time` to wait for the answer")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := newClient(s)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Duration(wait))
		defer cancel()
		ask := client.Healthy
		if ready {
			ask = client.Ready
		}
		if err := ask(ctx); err != nil {
			return explainHealth(client, err, ready, wait)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "ok")
		return err
	}
	return cmd
}

// explainHealth says why a server is not well, or not ready.
func explainHealth(c *api.Client, err error, ready bool, wait period) error {
	refused, _ := errors.AsType[*api.StatusError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s does not answer within %s", c.BaseURL, &wait)
	case refused != nil && refused.Status == http.StatusUnauthorized && !ready: // which no AtomMQ asks an account for
		return notAtomMQ(c.BaseURL)
	case refused == nil || refused.Status == http.StatusUnauthorized || explainStranger(c.BaseURL, refused) != nil:
		return explain(c, "", err)
	}
	return fmt.Errorf("%s is not well: %w", c.BaseURL, err)
}
