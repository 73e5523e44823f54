package db

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"atommq/db/dbtest"
)

// mustRefuseForeign has nothing make a bus in a database, and say what to do.
func mustRefuseForeign(t *testing.T, dsn, advice string) {
	t.Helper()
	source := filled(t, 1)
	for what, do := range map[string]func() error{
		"copy": func() error {
			_, err := (&Copy{From: source, To: dsn}).Run(t.Context())
			return err
		},
		"restore": func() error {
			_, err := (&Restore{From: source, To: dsn}).Run(t.Context())
			return err
		},
		"open": func() error {
			s, err := Open(t.Context(), dsn, Config{})
			if err == nil {
				err = errors.Join(errors.New("was opened"), s.Close())
			}
			return err
		},
	} {
		if err := do(); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), advice) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWhatAnotherProgramKeepsOnAServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	cluster.Execute(t, "test1", "CREATE TABLE customers (id int)")
	mustRefuseForeign(t, url, `with a table "customers": name another database, or give AtomMQ a schema of its own`)
	cluster.Execute(t, "test1", "DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_class WHERE relname LIKE 'atommq%') THEN"+
		" RAISE EXCEPTION 'tables were made'; END IF; END $$")

	cluster.Execute(t, "test1", "ALTER TABLE customers RENAME TO atommq_entry") // as the AtomMQ in Perl has one
	mustRefuseForeign(t, url, `with a table "atommq_entry"`)

	// What the message advises.
	cluster.Execute(t, "test1", "CREATE SCHEMA atommq")
	own := url + "&search_path=atommq"
	mustCopy(t, filled(t, 1), own)
	// Others may make tables beside those that AtomMQ has.
	cluster.Execute(t, "test1", "CREATE TABLE atommq.beside (id int)")
	mustCommit(t, openAt(t, own), publishing(t, "news", 1)...)
}

func TestTablesOfExtensionsKeepNoBusAway(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	cluster.Execute(t, "test1", "CREATE TABLE spatial_ref_sys (id int)", "ALTER EXTENSION plpgsql ADD TABLE spatial_ref_sys")
	openAt(t, url)
}

func TestACopyLeavesWhatAnotherProgramKeepsInAFileAlone(t *testing.T) {
	target := filepath.Join(t.TempDir(), "theirs.db")
	d, err := sql.Open("sqlite3", target)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.ExecContext(t.Context(), "CREATE TABLE customers (id)")
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Copy{From: filled(t, 1), To: target}).Run(t.Context()); !errors.Is(err, ErrForeign) {
		t.Errorf("copy: %v", err)
	}
}
