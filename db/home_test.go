package db

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lib/pq"

	"atommq/bus"
	"atommq/db/dbtest"
	"atommq/migrations"
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

// Buses were made in such databases once.
func TestABusGetsOutOfADatabaseThatLacksCharacters(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	cluster.Execute(t, "postgres", `CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0`)
	latin, dir := cluster.URL("latin"), t.TempDir()
	pool, err := OpenServer(latin)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(migrations.Ensure(t.Context(), pool), pool.Close()); err != nil {
		t.Fatal(err)
	}
	cluster.Execute(t, "latin", `INSERT INTO atommq_feed (name, uuid, title, subtitle, author_name, author_uri, author_email, append_only, created, updated)
		VALUES ('café', 'urn', 'é', '', '', '', '', 0, 1, 1)`)
	backup, copied := filepath.Join(dir, "backup.db"), filepath.Join(dir, "copy.db")
	_, err = (&Backup{From: latin, To: backup}).Run(t.Context())
	_, again := (&Copy{From: latin, To: copied}).Run(t.Context())
	if err := errors.Join(err, again); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{backup, copied} {
		if f, err := openAt(t, path).Feed(t.Context(), "café"); err != nil || f.Title != "é" {
			t.Errorf("%s: Feed = %v, %v", path, f, err)
		}
	}
}

// What a role or a database is set to changes nothing of what statements mean.
func TestSessionsAreSetAsStatementsAreWritten(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off", "default_transaction_isolation=serializable", "array_nulls=off",
		"idle_in_transaction_session_timeout=1h", "idle_session_timeout=1h", "statement_timeout=1h")
	home := cluster.Database(t)
	before := openAt(t, home)
	mustCommit(t, before, publishing(t, "x", 2)...)
	if err := before.Close(); err != nil { // or no copy would begin
		t.Fatal(err)
	}
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
	for what, open := range map[string]func(context.Context, string) (*copySide, error){"backup": openSnapshot, "copy": openSource} {
		mustTakeItsTime(t, what, home, open)
	}
}

// A backup without the rows that a policy hides from its user would pass for whole.
func TestWhatAPolicyHidesIsNotLeftOutInSilence(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	mustCommit(t, openAt(t, url), publishing(t, "x", 2)...)
	cluster.Execute(t, databaseOf(t, url), "ALTER TABLE atommq_entry ENABLE ROW LEVEL SECURITY", "CREATE ROLE clerk LOGIN",
		"GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk", "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO clerk")
	clerk := strings.Replace(url, "user=atommq", "user=clerk", 1)
	_, err := (&Backup{From: clerk, To: filepath.Join(t.TempDir(), "backup.db")}).Run(t.Context())
	if !IsDenied(err) {
		t.Errorf("Backup = %v", err)
	}
	s := openAt(t, clerk)
	if page, err := s.Read(t.Context(), bus.Query{Feed: "x", Limit: 10}); !IsDenied(err) {
		t.Errorf("Read = %v, %v", page, err)
	}
	cluster.Execute(t, "postgres", "ALTER ROLE clerk BYPASSRLS")
	if page, err := openAt(t, clerk).Read(t.Context(), bus.Query{Feed: "x", Limit: 10}); err != nil || len(page) != 2 {
		t.Errorf("Read = %v, %v", page, err)
	}
}

// mustTakeItsTime finds no setting of a session that would break it off.
func mustTakeItsTime(t *testing.T, what, dsn string, open func(context.Context, string) (*copySide, error)) {
	t.Helper()
	s, err := open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"idle_in_transaction_session_timeout", "idle_session_timeout", "statement_timeout"} {
		var limit string
		if err := s.conn.QueryRowContext(t.Context(), "SELECT current_setting($1)", name).Scan(&limit); err != nil || limit != "0" {
			t.Errorf("a %s is broken off: %s is %s, %v", what, name, limit, err)
		}
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestServersAreNamedAsPostgreSQLsProgramsTakeThem(t *testing.T) {
	t.Setenv("PGHOST", "h")
	t.Setenv("PGPORT", "9")
	t.Setenv("PGDATABASE", "d")
	for dsn, want := range map[string]string{
		"postgres://":                  "h:9/d",
		"postgresql://?dbname=e":       "h:9/e",
		"postgres://?host=a":           "a:9/d",
		"postgres://a":                 "a:9/d",
		"postgres://a:1,b:2":           "a:1/d b:2",
		"postgres://a:,b:2/x":          "a:5432/x b:2",
		"postgres://u@[::1]:1,[::2]/x": "::1:1/x ::2:5432",
		"postgres://u@[::1]/x":         "::1:9/x",
		"postgres://[::1]":             "::1:9/d",
		"postgres://[::1]:1/x":         "::1:1/x",
	} {
		s, err := parseServer(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		cfg, err := pq.NewConfig(s.dsn)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%s:%d/%s", cfg.Host, cfg.Port, cfg.Database)
		for _, m := range cfg.Multi {
			got += fmt.Sprintf(" %s:%d", m.Host, m.Port)
		}
		if got != want {
			t.Errorf("%s leads to %s, want %s", dsn, got, want)
		}
		if in, err := InSchema(dsn, "s"); err != nil || !IsPostgres(in) || !IsPostgres(s.name) {
			t.Errorf("%s is shown as %s, and in a schema is %s, %v", dsn, s.name, in, err)
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
