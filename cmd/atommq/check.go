package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"atommq/db"
)

func checkCommand() *cobra.Command {
	var asJSON, repair bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look for what is wrong in a database, while it is in use",
		Long: `Check reads a database as it is at one moment and looks whether it contradicts itself: ids,
uuids, what feeds and queues count, work, media, idempotency keys, and the pages of a file. It writes a line for each
fault, with what to do about it, and changes nothing. The exit status is 1 when something is wrong.

With --repair it counts anew what is counted wrongly, in one transaction, and says what it set. Nothing else is
repaired: entries and work are yours.`,
	}
	s := declare(cmd, "db")
	cmd.Flags().BoolVar(&repair, "repair", false, "set counters right")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, a line for each fault")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := s.from("db", mustBeDatabase("--db", s.DB)); err != nil {
			return err
		}
		c := &checking{dsn: s.DB, out: cmd.OutOrStdout(), terminal: cmd.ErrOrStderr(), asJSON: asJSON}
		return c.run(cmd.Context(), repair)
	}
	return cmd
}

// checking is a check under way.
type checking struct {
	dsn           string
	out, terminal io.Writer
	asJSON        bool
	unwritten     error // why a line could not be written
}

// run checks and, where that is wanted, repairs, and counts what is left.
func (c *checking) run(ctx context.Context, repair bool) error {
	faults, err := c.check(ctx, c.tell)
	if err != nil {
		return explainOpening("--db", err)
	}
	if repair && faults > 0 {
		if err := c.repair(ctx); err != nil {
			return err
		}
		if faults, err = c.check(ctx, func(db.Fault) {}); err != nil {
			return err
		}
	}
	if faults > 0 {
		return fmt.Errorf("database %s: faults: %d", db.Name(c.dsn), faults)
	}
	return c.say("nothing is wrong", map[string]any{"faults": 0})
}

// tell writes a fault.
func (c *checking) tell(f db.Fault) {
	c.unwritten = cmp.Or(c.unwritten, c.say(f.Kind+": "+f.What+": "+f.Do, f))
}

func (c *checking) check(ctx context.Context, found func(db.Fault)) (faults int, err error) {
	bar := newProgress(c.terminal, 1)
	check := &db.Check{
		DSN: c.dsn,
		Found: func(f db.Fault) {
			_ = bar.Clear()
			found(f)
		},
		Progress: func(p db.Progress) {
			bar.ChangeMax64(p.Of)
			bar.Describe(p.Phase + " " + p.Table)
			_ = bar.Set64(p.Rows)
		},
	}
	faults, err = check.Run(ctx)
	_ = bar.Finish()
	return faults, errors.Join(err, c.unwritten)
}

// repair sets counters, and says which.
func (c *checking) repair(ctx context.Context) error {
	store, err := db.Open(ctx, c.dsn, db.Config{})
	if err != nil {
		return err
	}
	done, err := store.Repair(ctx)
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	for _, line := range done {
		if err := c.say("repaired: "+line, map[string]any{"repaired": line}); err != nil {
			return err
		}
	}
	return nil
}

// say writes a line for people, or value for programs.
func (c *checking) say(line string, value any) error {
	if c.asJSON {
		return newEncoder(c.out).Encode(value)
	}
	_, err := fmt.Fprintln(toPeople{c.out}, line)
	return err
}
