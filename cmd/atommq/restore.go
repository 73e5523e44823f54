package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"atommq/db"
)

func restoreCommand() *cobra.Command {
	var (
		asJSON bool
		lastID wholeNumber
	)
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a database of what backup wrote",
		Long: `Restore verifies FILE, and then makes the database that --db names what FILE holds. The database
must be empty or not there, and no server may have it open: stop servers, and move the old database away, with the files
beside it. What consumers had when the backup was made is handed out again.

Ids that were given after the backup are given again, and a reader who has seen them would take the new entries for
those it knows: --last-id has ids go on above the newest one that was seen.`,
		Args: justOne("FILE"),
	}
	s := declare(cmd, "db")
	cmd.Flags().Var(&lastID, "last-id", "newest `ID` that readers may have seen")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, a line for each step")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if lastID > farthestID {
			return misusef("--last-id %d: no bus has come beyond %d, and ids go on above it: give the newest one that readers may have seen", lastID, int64(farthestID))
		}
		if err := mustBeBackup(args[0]); err != nil {
			return err
		}
		if err := s.from("db", checkDatabase("--db", s.DB)); err != nil {
			return err
		}
		told := newCopyProgress(cmd.ErrOrStderr(), cmd.OutOrStdout(), asJSON)
		tables, err := (&db.Restore{From: args[0], To: s.DB, LastID: int64(lastID), Progress: told.tell}).Run(cmd.Context())
		told.end()
		if errors.Is(err, db.ErrNoBus) { // FILE, for the target need hold none
			return fmt.Errorf("%w, and is no backup: name another file with FILE", err)
		}
		if err != nil {
			return explainOpening("--db", err)
		}
		return writeKept(cmd.OutOrStdout(), "restored into "+db.Name(s.DB), tables, asJSON)
	}
	return cmd
}

// farthestID is what --last-id may be: far from the end of 64 bits, beyond which no id is. A million
// entries a second take 285 years to it.
const farthestID = 1 << 53

// mustBeBackup refuses what backup cannot have written.
func mustBeBackup(path string) error {
	if db.IsPostgres(path) {
		return misusef("%s is no file: atommq copy copies a database of PostgreSQL", db.Name(path))
	}
	return mustBeDatabase("FILE", path)
}
