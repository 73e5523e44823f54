package migrations_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/db/dbtest"
	"atommq/migrations"
)

// serverSchema lists columns, indexes and constraints.
const serverSchema = `SELECT format('%s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
		coalesce(pg_get_expr(d.adbin, d.adrelid), '') || coalesce((SELECT collname FROM pg_collation WHERE oid = a.attcollation), ''))
	FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relname LIKE 'atommq%' AND c.relkind = 'r'
	UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'atommq%'
	UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid::regclass::text LIKE 'atommq%'
	ORDER BY 1`

// testdata/postgres/v1.sql, v2.sql … are what pg_dump wrote of databases with each schema, without
// settings of the session. They are never regenerated, as those of files.
func TestEveryVersionOnAServerMigrates(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	made := open(t, cluster.Database(t))
	if _, err := migrations.Up(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	dumps, err := filepath.Glob("testdata/postgres/v*.sql")
	if err != nil || len(dumps) < 2 {
		t.Fatalf("dumps %q, %v", dumps, err)
	}
	for _, dump := range dumps {
		t.Run(filepath.Base(dump), func(t *testing.T) {
			old := migratedServer(t, open(t, cluster.Database(t)), dump)
			if diff := cmp.Diff(column(t, made, serverSchema), column(t, old, serverSchema)); diff != "" {
				t.Errorf("schema (-made anew +migrated):\n%s", diff)
			}
			waiting := []string{"work default 3", "empty default 0"}
			if strings.HasSuffix(dump, "v1.sql") { // from before there were queues
				waiting = nil
			}
			if diff := cmp.Diff(waiting, column(t, old, selectWaiting)); diff != "" {
				t.Errorf("what waits (-want +got):\n%s", diff)
			}
			want := []string{"2 first 1 <entry><title>an edited one</title></entry>", "3 first 0 ", "4 second 1 <entry><title>ü</title></entry>"}
			got := column(t, old, "SELECT concat_ws(' ', id, feed, 1 - deleted, xml) FROM atommq_entry WHERE id < 5 ORDER BY id")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("work", func(t *testing.T) {
		old := migratedServer(t, open(t, cluster.Database(t)), "testdata/postgres/v2.sql")
		want := []string{"2 1 5 5 1 31", "1 0 7 0 31 2500000", "1 5 6 2 31 0", "empty ?", "first 0", "second 0", "work 1", "4"}
		got := slices.Concat(
			column(t, old, "SELECT concat_ws(' ', node, queue, rank, id, attempts, bytes) FROM atommq_claim"),
			column(t, old, "SELECT concat_ws(' ', queue, rank, id, attempts, bytes, ack_timeout) FROM atommq_ready ORDER BY queue, rank, id"),
			column(t, old, `SELECT concat_ws(' ', name, coalesce(CAST(until_acked AS TEXT), '?')) FROM atommq_feed ORDER BY name`),
			column(t, old, "INSERT INTO atommq_queue (feed, name, ack_timeout, attempts, created) VALUES ('new', 'default', 0, 1, 0) RETURNING id"))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("work (-want +got):\n%s", diff)
		}
	})
}

// migratedServer brings the database in a dump, loaded into an empty one, to the newest schema.
func migratedServer(t *testing.T, old *sql.DB, dump string) *sql.DB {
	t.Helper()
	text, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, old, string(text))
	if _, err := migrations.Up(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	return old
}
