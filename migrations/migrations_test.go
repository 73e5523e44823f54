package migrations_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/mattn/go-sqlite3"

	"atommq/db/dbtest"
	"atommq/migrations"
)

// childFile names the database that a re-executed test binary migrates.
const childFile = "ATOMMQ_TEST_MIGRATE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		os.Exit(migrateAsChild(path))
	}
	os.Exit(m.Run())
}

func migrateAsChild(path string) int {
	db, err := connect(path)
	if err == nil {
		var steps []migrations.Migration
		steps, err = migrations.Up(context.Background(), db)
		fmt.Print(len(steps))
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func connect(path string) (*sql.DB, error) {
	if strings.HasPrefix(path, "postgres:") {
		return sql.Open("postgres", path)
	}
	return sql.Open("sqlite3", "file:"+path+"?_busy_timeout=20000")
}

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := connect(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func fresh(t *testing.T) *sql.DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "atommq.db"))
}

func execute(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// column returns the first column of what query finds.
func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

const schemaText = "SELECT coalesce(sql, name) FROM sqlite_schema WHERE name LIKE '%atommq%' ORDER BY name"

// allSteps lists the migrations there are.
func allSteps(applied bool) []migrations.Migration {
	return []migrations.Migration{
		{Version: 1, Name: "00001_log.sql", Applied: applied},
		{Version: 2, Name: "00002_queues.sql", Applied: applied},
		{Version: 3, Name: "00003_atompub.sql", Applied: applied},
		{Version: 4, Name: "00004_leases.sql", Applied: applied},
		{Version: 5, Name: "00005_access.sql", Applied: applied},
		{Version: 6, Name: "00006_limits.sql", Applied: applied},
		{Version: 7, Name: "00007_offered.sql", Applied: applied},
		{Version: 8, Name: "00008_shared.sql", Applied: applied},
	}
}

func newest() migrations.Migration {
	steps := allSteps(true)
	return steps[len(steps)-1]
}

func TestUpTakesEachStepOnce(t *testing.T) {
	db := fresh(t)
	steps, err := migrations.Up(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	want := allSteps(true)
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("first Up (-want +got):\n%s", diff)
	}
	if steps, err = migrations.Up(t.Context(), db); err != nil || len(steps) != 0 {
		t.Errorf("second Up = %v, %v; want nothing to do", steps, err)
	}
}

func TestStatusChangesNothing(t *testing.T) {
	db := fresh(t)
	want := allSteps(false)
	got, err := migrations.Status(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("before Up (-want +got):\n%s", diff)
	}
	if names := column(t, db, schemaText); len(names) != 0 {
		t.Errorf("Status made %q", names)
	}
	if _, err := migrations.Up(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		want[i].Applied = true
	}
	if got, err = migrations.Status(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after Up (-want +got):\n%s", diff)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	db := fresh(t)
	if _, err := migrations.Up(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	execute(t, db, "INSERT INTO atommq_schema (version_id, is_applied) VALUES (99, 1)")
	_, upErr := migrations.Up(t.Context(), db)
	_, statusErr := migrations.Status(t.Context(), db)
	for _, err := range []error{upErr, statusErr} {
		newer, ok := errors.AsType[*migrations.NewerError](err)
		if !ok || newer.Found != 99 || newer.Known != newest().Version {
			t.Errorf("error %v, want a NewerError with 99 and %d", err, newest().Version)
		}
	}
	execute(t, db, "BEGIN IMMEDIATE; ROLLBACK") // no lock is left behind
}

func TestAFailedMigrationLeavesTheDatabaseAsItWas(t *testing.T) {
	db := fresh(t)
	execute(t, db, "CREATE TABLE atommq_key (in_the_way TEXT)")
	before := column(t, db, schemaText)
	_, err := migrations.Up(t.Context(), db)
	if err == nil {
		t.Fatal("Up succeeded over a table in its way")
	}
	if !strings.HasPrefix(err.Error(), "migrating: 00001_log.sql failed, and nothing was changed: ") {
		t.Errorf("it says %q", err)
	}
	if diff := cmp.Diff(before, column(t, db, schemaText)); diff != "" {
		t.Errorf("schema after the failure (-want +got):\n%s", diff)
	}
	execute(t, db, "DROP TABLE atommq_key")
	if _, err := migrations.Up(t.Context(), db); err != nil {
		t.Errorf("Up with the obstacle gone: %v", err)
	}
}

// testdata/v1.sql, v2.sql … are dumps of databases with each schema. They are never
// regenerated: every later schema must be reached from them.
func TestEveryVersionMigrates(t *testing.T) {
	made := fresh(t)
	if _, err := migrations.Up(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	dumps, err := filepath.Glob("testdata/v*.sql")
	if err != nil || len(dumps) < 2 {
		t.Fatalf("dumps %q, %v", dumps, err)
	}
	for _, dump := range dumps {
		t.Run(filepath.Base(dump), func(t *testing.T) {
			old := migrated(t, dump)
			if diff := cmp.Diff(column(t, made, schemaText), column(t, old, schemaText)); diff != "" {
				t.Errorf("schema (-made anew +migrated):\n%s", diff)
			}
			want := []string{"2 first 1 <entry><title>an edited one</title></entry>", "3 first 0 ", "4 second 1 <entry><title>ü</title></entry>"}
			got := column(t, old, "SELECT concat_ws(' ', id, feed, 1 - deleted, xml) FROM atommq_entry WHERE id < 5 ORDER BY id")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

// migrated returns the database in a dump, brought to the newest schema.
func migrated(t *testing.T, dump string) *sql.DB {
	t.Helper()
	text, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	old := fresh(t)
	execute(t, old, string(text))
	if _, err := migrations.Up(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	return old
}

func TestFeedsFromBeforeQueuesKeepTheirEntries(t *testing.T) {
	old := migrated(t, "testdata/v1.sql")
	if got := column(t, old, "SELECT DISTINCT until_acked FROM atommq_feed"); !cmp.Equal(got, []string{"0"}) {
		t.Errorf("until_acked = %q, want 0 in all", got)
	}
}

func TestTheSecondVersionKeepsItsWork(t *testing.T) {
	old := migrated(t, "testdata/v2.sql")
	want := []string{"2 1 5 5 1 31", "1 0 7 0 31 2500000", "1 5 6 2 31 0", "empty ?", "first 0", "second 0", "work 1"}
	got := slices.Concat(
		column(t, old, "SELECT concat_ws(' ', node, queue, rank, id, attempts, bytes) FROM atommq_claim"),
		column(t, old, "SELECT concat_ws(' ', queue, rank, id, attempts, bytes, ack_timeout) FROM atommq_ready ORDER BY queue, rank, id"),
		column(t, old, "SELECT concat_ws(' ', name, coalesce(until_acked, '?')) FROM atommq_feed ORDER BY name"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
}

func TestTheThirdVersionKeepsMediaDraftsAndSettings(t *testing.T) {
	old := migrated(t, "testdata/v3.sql")
	want := []string{"8 image/png", "1 019aa000-0000-7000-8000-000000000031 files 3", "2 0", "1 0 000102", "2 0 FF", "later 1", "image/* application/atom+xml;type=entry 86400000000 1000 2"}
	got := slices.Concat(
		column(t, old, "SELECT concat_ws(' ', id, media) FROM atommq_entry WHERE media <> ''"),
		column(t, old, "SELECT concat_ws(' ', id, entry, nullif(feed, ''), size) FROM atommq_media ORDER BY id"),
		column(t, old, "SELECT concat_ws(' ', media, seq, hex(bytes)) FROM atommq_chunk ORDER BY media"),
		column(t, old, "SELECT concat_ws(' ', title, edits) FROM atommq_draft"),
		column(t, old, "SELECT concat_ws(' ', accepts, keep_age, keep_entries, revision) FROM atommq_setting"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("AtomPub's tables (-want +got):\n%s", diff)
	}
}

func TestTheFourthVersionKeepsLeases(t *testing.T) {
	old := migrated(t, "testdata/v4.sql")
	want := []string{"-1 5 1763679700000000", "32", "0"}
	got := slices.Concat(
		column(t, old, "SELECT concat_ws(' ', node, id, deadline) FROM atommq_claim"),
		column(t, old, "SELECT length(lease) FROM atommq_secret"),
		column(t, old, "SELECT count(*) FROM atommq_account"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
}

func TestTheFifthVersionKeepsAccountsTokensAndRules(t *testing.T) {
	old := migrated(t, "testdata/v5.sql")
	want := []string{"ann 60", "bob 0", "bob laptop 32", "ann * admin", "anonymous news read", "bob first read,consume", "5"}
	got := slices.Concat(
		column(t, old, "SELECT concat_ws(' ', name, length(password)) FROM atommq_account ORDER BY name"),
		column(t, old, "SELECT concat_ws(' ', account, label, length(digest)) FROM atommq_token"),
		column(t, old, "SELECT concat_ws(' ', account, feed, rights) FROM atommq_rule ORDER BY account"),
		column(t, old, "SELECT revision FROM atommq_access"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who may do what (-want +got):\n%s", diff)
	}
}

func TestTheSixthVersionKeepsLimitsAndOwners(t *testing.T) {
	old := migrated(t, "testdata/v6.sql")
	want := []string{"* connections 50", "anonymous feeds 0", "bob bytes 10485760", "bob requests -1", "second bob", "work anonymous"}
	got := slices.Concat(
		column(t, old, "SELECT concat_ws(' ', account, what, most) FROM atommq_limit ORDER BY account, what"),
		column(t, old, "SELECT concat_ws(' ', name, owner) FROM atommq_feed WHERE owner <> '' ORDER BY name"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}

const selectWaiting = "SELECT concat_ws(' ', q.feed, q.name, f.offered - q.passed) FROM atommq_queue AS q JOIN atommq_feed AS f ON f.name = q.feed ORDER BY q.id"

func TestEveryVersionKeepsCountOfWhatWaits(t *testing.T) {
	want := []string{"work default 3", "empty default 0"}
	for _, version := range []string{"v2", "v3", "v4", "v5", "v6", "v7", "v8"} {
		got := column(t, migrated(t, "testdata/"+version+".sql"), selectWaiting)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
	}
}

func TestProcessesThatStartTogetherMigrateOnce(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { migrateTogether(t, filepath.Join(t.TempDir(), "atommq.db")) })
	t.Run("PostgreSQL", func(t *testing.T) { migrateTogether(t, dbtest.Start(t, "fsync=off").Database(t)) })
}

func migrateTogether(t *testing.T, path string) {
	const processes = 6
	var out [processes]bytes.Buffer
	var children [processes]*exec.Cmd
	for i := range children {
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), childFile+"="+path)
		c.Stdout, c.Stderr = &out[i], &out[i]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		children[i] = c
	}
	migrated := 0
	for i, c := range children {
		if err := c.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, &out[i])
		}
		if out[i].String() == strconv.Itoa(len(allSteps(true))) {
			migrated++
		}
	}
	if migrated != 1 {
		t.Errorf("%d processes took the steps, want 1", migrated)
	}
	want := []string{"0"}
	for _, step := range allSteps(true) {
		want = append(want, strconv.FormatInt(step.Version, 10))
	}
	if diff := cmp.Diff(want, column(t, open(t, path), "SELECT version_id FROM atommq_schema ORDER BY 1")); diff != "" {
		t.Errorf("versions kept (-want +got):\n%s", diff)
	}
}

// Whatever is in one database is in the other, but for the nodes' sign of life.
func TestBothDatabasesHaveTheSameTables(t *testing.T) {
	lite, server := fresh(t), open(t, dbtest.Start(t, "fsync=off").Database(t))
	for _, db := range []*sql.DB{lite, server} {
		if _, err := migrations.Up(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	want := column(t, lite, "SELECT m.name || '.' || c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c"+
		" WHERE m.type = 'table' AND m.name LIKE 'atommq%' AND m.name <> 'atommq_schema'")
	want = append(want, "atommq_node.seen")
	slices.Sort(want)
	got := column(t, server, "SELECT table_name || '.' || column_name FROM information_schema.columns"+
		" WHERE table_name LIKE 'atommq%' AND table_name <> 'atommq_schema'")
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-SQLite +PostgreSQL):\n%s", diff)
	}
}

func TestEnsureMigratesOnlyWhatIsEmpty(t *testing.T) {
	for name, db := range map[string]*sql.DB{"SQLite": fresh(t), "PostgreSQL": open(t, dbtest.Start(t, "fsync=off").Database(t))} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				if err := migrations.Check(t.Context(), db); !errors.Is(err, migrations.ErrNone) {
					t.Errorf("Check of an empty database: %v", err)
				}
			}
			for range 2 {
				if err := migrations.Ensure(t.Context(), db); err != nil {
					t.Fatal(err)
				}
				if err := migrations.Check(t.Context(), db); err != nil {
					t.Error(err)
				}
			}
			steps := allSteps(true)
			before := steps[len(steps)-2].Version
			execute(t, db, fmt.Sprint("DELETE FROM atommq_schema WHERE version_id = ", newest().Version))
			older, ok := errors.AsType[*migrations.OlderError](migrations.Ensure(t.Context(), db))
			if !ok || older.Found != before || older.Known != newest().Version {
				t.Errorf("an older schema: %v", older)
			}
			execute(t, db, "INSERT INTO atommq_schema (version_id, is_applied) VALUES (99, true)")
			if newer, ok := errors.AsType[*migrations.NewerError](migrations.Ensure(t.Context(), db)); !ok || newer.Found != 99 {
				t.Errorf("a newer schema: %v", newer)
			}
		})
	}
}

func TestAFailedMigrationLeavesAServerAsItWas(t *testing.T) {
	db := open(t, dbtest.Start(t, "fsync=off").Database(t))
	execute(t, db, "CREATE TABLE atommq_key (in_the_way TEXT)")
	if _, err := migrations.Up(t.Context(), db); err == nil {
		t.Fatal("Up succeeded over a table in its way")
	}
	if got := column(t, db, "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'atommq%'"); !cmp.Equal(got, []string{"atommq_key"}) {
		t.Errorf("tables after the failure: %q", got)
	}
	execute(t, db, "DROP TABLE atommq_key")
	if _, err := migrations.Up(t.Context(), db); err != nil {
		t.Errorf("Up with the obstacle gone: %v", err)
	}
}
