package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"atommq/db"
	"atommq/migrations"
)

func migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring a database to this version's schema, or show how far it is",
		Long: `Migrate changes the schema of a database. A file, and an empty database of PostgreSQL, serve
brings up to date by itself when it starts; other commands leave an older schema alone. A database of PostgreSQL that an older version made is
changed by migrate alone: older processes may be working on it.`,
		RunE: func(*cobra.Command, []string) error { return misusef("no command given: up or status") },
	}
	up := &cobra.Command{Use: "up", Short: "Take the steps that are pending, making the database if there is none"}
	upSettings := declare(up, "db")
	up.RunE = func(cmd *cobra.Command, _ []string) error {
		return withDatabase(cmd.Context(), upSettings, func(d *sql.DB) error {
			steps, err := db.Upgrade(cmd.Context(), d)
			if err != nil {
				return err
			}
			return writeSteps(cmd.OutOrStdout(), steps)
		})
	}
	status := &cobra.Command{Use: "status", Short: "List the steps, and which the database has taken"}
	statusSettings := declare(status, "db")
	status.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := statusSettings.from("db", mustExist("--db", statusSettings.DB)); err != nil {
			return err
		}
		return withDatabase(cmd.Context(), statusSettings, func(d *sql.DB) error {
			steps, err := migrations.Status(cmd.Context(), d)
			if err != nil {
				return err
			}
			return writeSteps(cmd.OutOrStdout(), steps)
		})
	}
	cmd.AddCommand(up, status)
	return cmd
}

// migrationWait is how long a migration waits for other processes to stop
// writing.
const migrationWait = time.Minute

// withDatabase opens the database that s names, as it is, for as long as do takes.
func withDatabase(ctx context.Context, s *settings, do func(*sql.DB) error) (err error) {
	if err := s.from("db", checkDatabase("--db", s.DB)); err != nil {
		return err
	}
	d, err := db.OpenAsIs(ctx, s.DB, migrationWait)
	if err == nil {
		err = errors.Join(do(d), d.Close())
	}
	if err != nil {
		return explainOpening("--db", fmt.Errorf("database %s: %w", db.Name(s.DB), err))
	}
	return nil
}

func writeSteps(w io.Writer, steps []migrations.Migration) error {
	if len(steps) == 0 {
		_, err := fmt.Fprintln(w, "nothing to do")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range steps {
		state := "pending"
		if m.Applied {
			state = "applied"
		}
		fmt.Fprintf(table, "%s\t%s\n", m.Name, state)
	}
	return table.Flush()
}
