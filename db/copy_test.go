package db

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/db/dbtest"
	"atommq/migrations"
)

// stuff makes a file in which every table has rows, and every column values of its own, whatever
// the schema has. A table of one row keeps it.
func stuff(t *testing.T, path string, rows int) {
	t.Helper()
	d, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.SetMaxOpenConns(1)
	if _, err := migrations.Up(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	conn, err := d.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tables, err := copyFile{}.list(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if err := stuffTable(t.Context(), conn, table, rows); err != nil {
			t.Fatalf("%s: %v", table.name, err)
		}
	}
	if err := sealMedia(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
}

// sealMedia gives media, each of one chunk, that chunk and the digest of it.
func sealMedia(ctx context.Context, conn *sql.Conn) error {
	var all []any
	err := eachFound(ctx, conn, "SELECT media, bytes FROM atommq_chunk", func(row []any) {
		digest := sha256.Sum256(row[1].([]byte))
		all = append(all, digest[:], row[0])
	})
	for ; err == nil && len(all) > 0; all = all[2:] {
		_, err = conn.ExecContext(ctx, "UPDATE atommq_media SET digest = ?, chunks_of = id WHERE id = ?", all[:2]...)
	}
	return err
}

func stuffTable(ctx context.Context, conn *sql.Conn, table *copyTable, rows int) error {
	if len(table.key) == 1 && table.key[0] == "one" {
		rows = 1
		if _, err := conn.ExecContext(ctx, "DELETE FROM "+table.name); err != nil {
			return err
		}
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	kinds, err := kindsOf(ctx, tx, table)
	if err != nil {
		return err
	}
	for n := range rows {
		values := stuffing(table, kinds, n)
		query := "INSERT INTO " + table.name + " (" + names(table.columns) + ") VALUES (?" + strings.Repeat(", ?", len(values)-1) + ")"
		if _, err := tx.ExecContext(ctx, query, values...); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil || table.sequence == "" {
		return err
	}
	// Numbers that were given and are gone.
	return copyFile{}.setSequence(ctx, conn, table, int64(rows)+1000)
}

func kindsOf(ctx context.Context, tx *sql.Tx, table *copyTable) (kinds []string, err error) {
	for _, column := range table.columns {
		var kind string
		query := "SELECT type FROM pragma_table_info(?) WHERE name = ?"
		if err := tx.QueryRowContext(ctx, query, table.name, column).Scan(&kind); err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// stuffing makes the n-th row of a table.
func stuffing(table *copyTable, kinds []string, n int) (values []any) {
	for i, column := range table.columns {
		switch kind := kinds[i]; {
		case column == "one":
			values = append(values, int64(1))
		case kind == "TEXT":
			values = append(values, fmt.Sprintf("%s %d: é\t\\N\n'\"☃", column, n))
		case kind == "BLOB":
			values = append(values, []byte{0, 1, 255, byte(n), byte(n >> 8), '\\'})
		default:
			values = append(values, int64(n+1)*int64(i+1))
		}
	}
	return values
}

// contents returns every row of every table of a file, and the numbers given.
func contents(t *testing.T, path string) (lines []string) {
	t.Helper()
	s, err := openSource(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, table := range s.tables {
		rows := 0
		err := s.each(t.Context(), table, nil, func(row []any) error {
			lines = append(lines, fmt.Sprintf("%s %v %q", table.name, table.columns, row))
			rows++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if rows == 0 {
			t.Errorf("%s is empty", table.name)
		}
		if table.sequence != "" {
			last, err := s.sequence(t.Context(), table)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprint(table.name, " gave ", last))
		}
	}
	return lines
}

func mustCopy(t *testing.T, from, to string) []Copied {
	t.Helper()
	copied, err := (&Copy{From: from, To: to}).Run(t.Context())
	if err != nil {
		t.Fatalf("copy from %s to %s: %v", Name(from), Name(to), err)
	}
	return copied
}

// Whatever is in the schema, whoever added it, survives the way to a server and back.
func TestACopyHasEveryTableAndColumn(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	dir := t.TempDir()
	source, back := filepath.Join(dir, "source.db"), filepath.Join(dir, "back.db")
	stuff(t, source, 100)
	want := contents(t, source)
	way := []string{source, cluster.Database(t), cluster.Database(t), back}
	for i := range way[1:] {
		copied := mustCopy(t, way[i], way[i+1])
		if len(copied) < 8 {
			t.Errorf("%d tables are copied", len(copied))
		}
	}
	if diff := cmp.Diff(want, contents(t, back)); diff != "" {
		t.Errorf("there and back (-want +got):\n%s", diff)
	}
	mustCopy(t, way[2], back) // one that was killed when all was done
	again := filepath.Join(dir, "again.db")
	mustCopy(t, back, again)
	if diff := cmp.Diff(want, contents(t, again)); diff != "" {
		t.Errorf("from file to file (-want +got):\n%s", diff)
	}
}

// What was copied works on: ids, queues and nodes go on where they were.
func TestACopyGoesOnAsTheBusDid(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	source := filepath.Join(t.TempDir(), "source.db")
	s, err := Open(t.Context(), source, Config{})
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, through(t, "work", 3)...)
	node, err := s.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, claiming(node, 1, 1))
	if err := s.Close(); err != nil { // as if the process had died: it still has a claim
		t.Fatal(err)
	}
	server := cluster.Database(t)
	mustCopy(t, source, server)
	cluster.Execute(t, "test1", "UPDATE atommq_node SET seen = 0")
	there := openAt(t, server)
	if queues, err := there.Recover(t.Context()); err != nil || len(queues) != 1 {
		t.Errorf("Recover = %v, %v", queues, err)
	}
	other, err := there.Join(t.Context())
	if err != nil || other <= node {
		t.Errorf("node %d joins after %d, %v", other, node, err)
	}
	op := through(t, "work", 1)[0]
	order := claiming(other, 1, 10)
	mustCommit(t, there, op, order)
	if id := op.Posts[0].Entry.ID; id != 4 || len(order.Order.Claims) != 4 || order.Order.Claims[0].Attempt != 2 {
		t.Errorf("entry %d is published, and claims %+v are made", id, order.Order.Claims)
	}
	checkServerAccounts(t, there)
}

// A file stays the same to the byte; of a server, a session that may only read is enough.
func TestACopyLeavesItsSourceAsItIs(t *testing.T) {
	server := dbtest.Start(t, "fsync=off").Database(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "source.db")
	for _, dsn := range []string{file, server} {
		s, err := Open(t.Context(), dsn, Config{})
		if err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, through(t, "work", 3)...)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mustCopy(t, file, filepath.Join(dir, "a.db"))
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file is another one now: %v", err)
	}
	mustCopy(t, server+"&default_transaction_read_only=on", filepath.Join(dir, "b.db"))
}

func TestACopyThatBrokeOffGoesOn(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	dir := t.TempDir()
	source := filepath.Join(dir, "source.db")
	stuff(t, source, 300)
	for name, target := range map[string]string{"file": filepath.Join(dir, "target.db"), "server": cluster.Database(t)} {
		t.Run(name, func(t *testing.T) {
			for broken := 0; ; broken++ {
				ctx, cancel := context.WithCancel(t.Context())
				batches, table := 0, ""
				_, err := (&Copy{From: source, To: target, batch: 100, Progress: func(p Progress) {
					if p.Phase == "copy" && p.Table == table {
						if batches++; batches == 5 {
							cancel()
						}
					}
					table = p.Table
				}}).Run(ctx)
				cancel()
				if err == nil {
					if broken < 2 {
						t.Errorf("the copy broke off %d times", broken)
					}
					break
				}
				if broken > 0 {
					continue
				}
				if _, err := Open(t.Context(), target, Config{}); !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "run the same again") {
					t.Fatalf("a target that is not whole opens: %v", err)
				}
				_, err = (&Copy{From: target, To: filepath.Join(dir, name+"other.db")}).Run(t.Context())
				if err == nil || !strings.Contains(err.Error(), "a copy or a restore into it has not ended") {
					t.Fatalf("a target that is not whole is copied: %v", err)
				}
			}
			s, err := Open(t.Context(), target, Config{})
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
		})
	}
}

func TestACopyRefusesWhatIsInUse(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	dir := t.TempDir()
	file, server := filepath.Join(dir, "source.db"), cluster.Database(t)
	for _, used := range []string{file, server} {
		s, err := Open(t.Context(), used, Config{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []Copy{{From: used, To: filepath.Join(dir, "empty.db")}, {From: filepath.Join(dir, "made.db"), To: used}} {
			stuffOnce(t, filepath.Join(dir, "made.db"))
			if _, err := c.Run(t.Context()); !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "stop ") {
				t.Errorf("from %s to %s: %v", Name(c.From), Name(c.To), err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A server of PostgreSQL takes a moment to see that a node is gone.
func TestACopyWaitsForANodeThatJustStopped(t *testing.T) {
	server := dbtest.Start(t, "fsync=off").Database(t)
	s, err := Open(t.Context(), server, Config{})
	if err != nil {
		t.Fatal(err)
	}
	copied := make(chan error, 1)
	go func() {
		side, err := openSource(t.Context(), server)
		if err == nil {
			err = side.close()
		}
		copied <- err
	}()
	admin, err := sql.Open("postgres", server)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	for waits := false; !waits; {
		if err := admin.QueryRowContext(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)").Scan(&waits); err != nil {
			t.Fatal(err)
		}
		if len(copied) > 0 {
			t.Fatalf("a copy does not wait: %v", <-copied)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-copied; err != nil {
		t.Errorf("copy once the node has stopped: %v", err)
	}
}

func stuffOnce(t *testing.T, path string) {
	t.Helper()
	if found, err := filepath.Glob(path); err != nil || len(found) == 0 {
		stuff(t, path, 10)
	}
}

func TestNoNodeOpensWhatIsBeingCopied(t *testing.T) {
	server := dbtest.Start(t, "fsync=off").Database(t)
	s, err := Open(t.Context(), server, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(context.Context, string) (*copySide, error){"source": openSource, "target": openTarget} {
		side, err := open(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), server, Config{}); !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "atommq copy works on the database") {
			t.Errorf("a %s opens: %v", name, err)
		}
		if err := side.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestACopyRefusesATargetThatHoldsSomethingElse(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	dir := t.TempDir()
	source := filepath.Join(dir, "source.db")
	stuff(t, source, 10)
	for name, target := range map[string]string{"file": filepath.Join(dir, "target.db"), "server": cluster.Database(t)} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), target, Config{})
			if err != nil {
				t.Fatal(err)
			}
			mustCommit(t, s, publishing(t, "x", 1)...)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := (&Copy{From: source, To: target}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "holds something already") {
				t.Errorf("copy: %v", err)
			}
			if _, err := Open(t.Context(), target, Config{}); err != nil {
				t.Errorf("the target that was refused does not open: %v", err)
			}
		})
	}
}

func TestACopyOfAnotherSourceDoesNotGoOn(t *testing.T) {
	dir := t.TempDir()
	one, two, target := filepath.Join(dir, "one.db"), filepath.Join(dir, "two.db"), filepath.Join(dir, "target.db")
	stuff(t, one, 10)
	stuff(t, two, 11)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := (&Copy{From: one, To: target, Progress: func(Progress) { cancel() }}).Run(ctx); err == nil {
		t.Fatal("the copy did not break off")
	}
	if _, err := (&Copy{From: two, To: target}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another copy or restore") {
		t.Errorf("the copy of another source: %v", err)
	}
	mustCopy(t, one, target)
}

func TestACopyThatDiffersIsFound(t *testing.T) {
	dir := t.TempDir()
	source, target := filepath.Join(dir, "source.db"), filepath.Join(dir, "target.db")
	stuff(t, source, 10)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := (&Copy{From: source, To: target, Progress: func(p Progress) {
		if p.Phase == "verify" {
			cancel()
		}
	}}).Run(ctx)
	if err == nil {
		t.Fatal("the copy did not break off")
	}
	d, err := sql.Open("sqlite3", target)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.ExecContext(t.Context(), "UPDATE atommq_entry SET title = title || '!' WHERE id = (SELECT max(id) FROM atommq_entry)"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Copy{From: source, To: target}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "remove the copy") {
		t.Errorf("a copy with another title: %v", err)
	}
}

func TestASourceOfAnotherSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old.db")
	stuff(t, old, 10)
	execFile(t, old, "DELETE FROM atommq_schema WHERE version_id > 1")
	others, empty := filepath.Join(dir, "others.db"), filepath.Join(dir, "empty.db")
	execFile(t, others, "CREATE TABLE mine (x)")
	execFile(t, empty, "SELECT 1")
	for from, want := range map[string]string{old: "atommq migrate up", others: `of another program, with a table "mine": name another file`, empty: ErrNoBus.Error()} {
		if _, err := (&Copy{From: from, To: filepath.Join(dir, "target.db")}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("copy of %s: %v", from, err)
		}
	}
}

func execFile(t *testing.T, path, statement string) {
	t.Helper()
	d, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.ExecContext(t.Context(), statement)
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
}

// SQLite has rolled back by itself, and would say that there is nothing to roll back.
func TestACopyThatFailsSaysSoInOneLine(t *testing.T) {
	side, err := openTarget(t.Context(), filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer side.close()
	err = side.transact(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "INSERT OR ROLLBACK INTO atommq_node (id, started) VALUES (1, 1), (1, 1)")
		return err
	})
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("it says %v", err)
	}
}
