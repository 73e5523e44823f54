package db

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"atommq/bus"
	"atommq/db/dbtest"
)

// withParam returns a URL with one parameter more.
func withParam(t *testing.T, dsn, name, value string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// databaseOf returns the name of the database that a URL names.
func databaseOf(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// PostgreSQL looks first in a schema that is called like the user, once somebody makes one.
func TestABusIsFoundWhereItWasMade(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	home := cluster.Database(t)
	before := openAt(t, home)
	mustCommit(t, before, publishing(t, "x", 3)...)
	cluster.Execute(t, databaseOf(t, home), `CREATE SCHEMA AUTHORIZATION current_user`)
	after := openAt(t, home)
	if after.MadeTables() {
		t.Error("a second bus was made")
	}
	if f, err := after.Feed(t.Context(), "x"); err != nil || f.Entries != 3 {
		t.Errorf("Feed = %v, %v", f, err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := (&Backup{From: home, To: backup}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f, err := openAt(t, backup).Feed(t.Context(), "x"); err != nil || f.Entries != 3 {
		t.Errorf("of the backup, Feed = %v, %v", f, err)
	}
	if err := after.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := (&Copy{From: home, To: filepath.Join(t.TempDir(), "copy.db")}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "a node works on it") {
		t.Errorf("a copy beside a node that was there before the schema: %v", err)
	}
}

// One character that the database lacks would fail what all others publish.
func TestADatabaseThatLacksCharactersIsRefused(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	cluster.Execute(t, "postgres", `CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0`)
	latin := cluster.URL("latin")
	_, opened := Open(t.Context(), latin, Config{})
	_, copied := (&Copy{From: filled(t, 1), To: latin}).Run(t.Context())
	_, migrated := OpenAsIs(t.Context(), latin, 0)
	for what, err := range map[string]error{"open": opened, "copy": copied, "migrate": migrated} {
		if err == nil || !strings.Contains(err.Error(), "its encoding is LATIN1") || !strings.Contains(err.Error(), "createdb --encoding=UTF8") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a role or a database is set to changes nothing of what statements mean.
func TestSessionsAreSetAsStatementsAreWritten(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off", "default_transaction_isolation=serializable", "array_nulls=off",
		"idle_in_transaction_session_timeout=1h", "statement_timeout=1h")
	home := cluster.Database(t)
	mustCommit(t, openAt(t, home), publishing(t, "x", 2)...)
	server, err := parseServer(home)
	if err != nil {
		t.Fatal(err)
	}
	for kind, setting := range map[string]string{"writer": writerSession, "reader": readerSession, "side": sideSession} {
		pool := server.pool(setting, 0)
		var isolation, nulls string
		err := pool.QueryRowContext(t.Context(), "SELECT current_setting('default_transaction_isolation'), current_setting('array_nulls')").Scan(&isolation, &nulls)
		if err != nil || isolation != "read committed" || kind == "writer" && nulls != "on" {
			t.Errorf("%s: isolation %q, array_nulls %q, %v", kind, isolation, nulls, err)
		}
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}
	s, err := openSnapshot(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	var idle, whole string
	err = s.conn.QueryRowContext(t.Context(), "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('statement_timeout')").Scan(&idle, &whole)
	if err != nil || idle != "0" || whole != "0" {
		t.Errorf("a backup is broken off after %s, or %s, %v", idle, whole, err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestServersAreNamedAsPostgreSQLsProgramsTakeThem(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://":                   "postgres:///?",
		"postgres://?host=a":            "postgres:///?",
		"postgres://a:1,b:2":            "postgres:///?",
		"postgres://u@[::1]:1,[::2]/x":  "postgres://u@/x?",
		"postgresql://?user=u&dbname=d": "postgresql:///?",
	} {
		s, err := parseServer(dsn)
		if err != nil || !strings.HasPrefix(s.dsn, want) || strings.Contains(s.dsn, "%5B") {
			t.Errorf("%s becomes %v, %v", dsn, s, err)
		}
	}
}

// PgBouncer takes no such setting with the connection.
func TestASchemaIsChosenThroughAPooler(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	home := cluster.Database(t)
	cluster.Execute(t, databaseOf(t, home), `CREATE SCHEMA "It's own"`)
	url := withParam(t, home, "search_path", `"It's own"`)
	s := openAt(t, withParam(t, dbtest.StartPooler(t, cluster, "session").URL(t, home), "search_path", `"It's own"`))
	mustCommit(t, s, publishing(t, "x", 2)...)
	if page, err := openAt(t, url).Read(t.Context(), bus.Query{Feed: "x", Limit: 10}); err != nil || len(page) != 2 {
		t.Errorf("Read = %v, %v", page, err)
	}
	if _, err := openAt(t, home).Feed(t.Context(), "x"); err == nil {
		t.Error("the feed is in the other schema, too")
	}
}
