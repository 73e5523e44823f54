package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"atommq/db"
)

func backupCommand() *cobra.Command {
	var asJSON, force bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write the whole bus into a file, while it is in use",
		Long: `Backup writes everything that the database has at one moment into FILE, a database of
SQLite, whichever database --db names. Servers go on meanwhile. FILE appears once it is complete, verified
and on the disk; until then it is FILE.partial, which goes when the backup is stopped.`,
		Args: justOne("FILE"),
	}
	s := declare(cmd, "db")
	cmd.Flags().BoolVar(&force, "force", false, "put it in the place of a FILE that is there")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, a line for each step")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := s.from("db", mustBeDatabase("--db", s.DB)); err != nil {
			return err
		}
		if err := mayBackUpTo(args[0]); err != nil {
			return err
		}
		told := newCopyProgress(cmd.ErrOrStderr(), cmd.OutOrStdout(), asJSON)
		tables, err := (&db.Backup{From: s.DB, To: args[0], Force: force, Progress: told.tell}).Run(cmd.Context())
		told.end()
		if err != nil {
			return explainOpening("--db", err)
		}
		return writeKept(cmd.OutOrStdout(), "backed up to "+args[0], tables, asJSON)
	}
	return cmd
}

// mayBackUpTo finds what is wrong with the directory of a backup, which is not there in one piece
// before its end, though a file that it replaces may be.
func mayBackUpTo(path string) error {
	if path == "-" {
		return misusef("a backup is written to a file and not to standard output: name one, ./- if it is to be called so")
	}
	if db.IsPostgres(path) { // which Backup refuses
		return nil
	}
	return checkDirectory("back up to "+path, path, "")
}

// mustBeDatabase finds what is wrong with the database that flag names, which must exist.
func mustBeDatabase(flag, dsn string) error {
	if err := mustExist(flag, dsn); err != nil {
		return err
	}
	return checkDatabase(flag, dsn)
}

// writeKept tells what was done, and what each table holds now.
func writeKept(w io.Writer, done string, tables []db.Copied, asJSON bool) error {
	if asJSON {
		return newEncoder(w).Encode(map[string]any{"phase": "done", "tables": tables})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range tables {
		fmt.Fprintf(table, "%s\t%d\n", t.Table, t.Rows)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, done)
	return err
}
