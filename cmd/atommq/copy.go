package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"atommq/db"
)

func copyCommand() *cobra.Command {
	var (
		from, to string
		asJSON   bool
	)
	cmd := &cobra.Command{
		Use:   "copy --from DATABASE --to DATABASE",
		Short: "Move a whole bus from one database to another",
		Long: `Copy moves everything from one database to another, from a file to PostgreSQL, back, or
between two of a kind: feeds, entries, ids, queues and what waits in them. The target must be
empty, and nobody may work on either: stop servers and gateways first. A copy that breaks off goes on
when it is run again; until it has compared both databases at its end, no server opens the target.
The source stays as it is.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkCopy(from, to); err != nil {
				return err
			}
			told := newCopyProgress(cmd.ErrOrStderr(), cmd.OutOrStdout(), asJSON)
			copied, err := (&db.Copy{From: from, To: to, Progress: told.tell}).Run(cmd.Context())
			told.end()
			if err != nil {
				return explainOpening(flagOf(err, from, to), err)
			}
			if asJSON {
				return newEncoder(cmd.OutOrStdout()).Encode(map[string]any{"phase": "done", "tables": copied})
			}
			return writeCopied(cmd.OutOrStdout(), copied)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "`database` to copy: a file, or postgres://…")
	cmd.Flags().StringVar(&to, "to", "", "`database` to copy to, an empty one: a file, which is made if there is none, or postgres://…")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, a line for each step")
	return cmd
}

func checkCopy(from, to string) error {
	switch {
	case from == "" || to == "":
		return misusef("--from and --to are both needed")
	case from == to:
		return misusef("--from and --to name the same database")
	}
	if err := mustBeDatabase("--from", from); err != nil {
		return err
	}
	return checkDatabase("--to", to)
}

// flagOf returns the flag of the database that holds no bus, or of the server that is away.
func flagOf(err error, from, to string) string {
	switch {
	case errors.Is(err, db.ErrNoBus), !db.IsPostgres(to):
		return "--from"
	case !db.IsPostgres(from):
		return "--to"
	}
	return "--from or --to"
}

// copyProgress shows how far a copy is: as a bar to people on a terminal, as lines to programs.
type copyProgress struct {
	terminal, out io.Writer
	bar           *progressbar.ProgressBar // nil to programs
	shown         db.Progress
	at            time.Time
}

func newCopyProgress(terminal, out io.Writer, asJSON bool) *copyProgress {
	p := &copyProgress{terminal: terminal, out: out}
	if !asJSON {
		p.bar = newProgress(terminal, 1)
	}
	return p
}

// progressEvery is how often a program is told.
const progressEvery = time.Second

func (p *copyProgress) tell(now db.Progress) {
	step := now.Phase != p.shown.Phase || now.Table != p.shown.Table
	p.shown = now
	switch {
	case p.bar != nil && step:
		p.bar.ChangeMax64(max(now.Of, 1))
		p.bar.Describe(now.Phase + " " + now.Table)
		fallthrough
	case p.bar != nil:
		_ = p.bar.Set64(now.Rows)
	case step || time.Since(p.at) >= progressEvery:
		p.at = time.Now()
		_ = newEncoder(p.out).Encode(now) // the outcome tells of an output that is gone
	}
}

func (p *copyProgress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

func writeCopied(w io.Writer, copied []db.Copied) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TABLE\tROWS\tSHA-256, OF BOTH")
	for _, c := range copied {
		fmt.Fprintf(table, "%s\t%d\t%s\n", c.Table, c.Rows, c.Digest)
	}
	return table.Flush()
}
