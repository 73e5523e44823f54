package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// top shows again and again what a server does.
type top struct {
	watch    *watch
	interval time.Duration
}

func topCommand() *cobra.Command {
	var once, asJSON bool
	every := period(time.Second)
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show what a server does: rates, queues, feeds, connections",
		Long: `Top asks a server for its metrics, at /metrics, and its feeds, every second, and shows
what it does: rates, connections, the longest queues, the feeds that were published to last. Its own
requests it leaves out. q or Ctrl-C ends it. --url names a server, or the --admin address of one or of
a gateway, which has no feeds to show. A server tells its metrics to programs on its own machine unless --metrics all.`,
		Example: `  atommq top
  atommq top --url http://127.0.0.1:9164
  atommq top --once --json | jq .published`,
	}
	s := declareClient(cmd)
	cmd.Flags().BoolVar(&once, "once", false, "show it once, after one interval, and end")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	cmd.Flags().Var(&every, "interval", "`time` between two looks")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := newClient(s)
		if err != nil {
			return err
		}
		t := &top{&watch{client: client}, time.Duration(every)}
		switch {
		case asJSON:
			lines := newEncoder(cmd.OutOrStdout())
			return t.run(cmd.Context(), once, func(r *report) error { return lines.Encode(r) })
		case once:
			return t.run(cmd.Context(), true, func(r *report) error {
				_, err := fmt.Fprint(cmd.OutOrStdout(), r.text(0, 0))
				return err
			})
		case !term.IsTerminal(int(os.Stdout.Fd())):
			return misusef("top draws on a terminal, and standard output is none: give --once or --json")
		}
		return t.draw(cmd.Context())
	}
	return cmd
}

// run shows a report after each interval, the first of two looks apart, until ctx ends.
func (t *top) run(ctx context.Context, once bool, show func(*report) error) error {
	before, err := t.watch.look(ctx)
	if err != nil {
		return err
	}
	for tick := time.NewTicker(t.interval); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return nil
		}
		now, err := t.watch.look(ctx)
		switch {
		case ctx.Err() != nil: // which is why the look failed, if it did
			continue
		case err != nil && once:
			return err
		}
		r := &report{URL: t.watch.client.BaseURL, Time: time.Now().UTC(), Error: says(err)}
		if err == nil {
			r.compare(before, now)
			before = now
		}
		if err := show(r); err != nil || once {
			return err
		}
	}
}

func says(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
