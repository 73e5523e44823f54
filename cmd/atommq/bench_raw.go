package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/mattn/go-sqlite3"

	"atommq/db"
)

// rawTable writes rows with nothing around them: no feeds, no ids taken from a
// counter, no callers to answer. It is as fast as SQLite goes
// through its driver, with the pragmas that package db uses.
type rawTable struct {
	conn    *sqlite3.SQLiteConn
	entries rawInsert
	works   rawInsert
	next    int64
	xml     string
}

// rawInsert is a statement that inserts any number of rows.
type rawInsert struct {
	into, row string
	prepared  map[int]driver.StmtExecContext // by number of rows
}

// rawChunk is how many rows one statement inserts; more gain nothing.
const rawChunk = 50

func openRaw(ctx context.Context, dir string) (*rawTable, error) {
	path := filepath.Join(dir, "raw.db")
	store, err := db.Open(ctx, path, db.Config{}) // makes the tables
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	conn, err := new(sqlite3.SQLiteDriver).Open("file:" + path + "?_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &rawTable{
		conn: conn.(*sqlite3.SQLiteConn),
		entries: rawInsert{
			into: "INSERT INTO atommq_entry (id, feed, uuid, title, published, updated, edited, xml, atom_id, absent) VALUES ",
			row:  "(?, ?, ?, ?, ?, ?, ?, ?, '', 0), ",
		},
		works: rawInsert{
			into: "INSERT INTO atommq_ready (queue, rank, id, attempts, bytes, ack_timeout, expires) VALUES ",
			row:  "(1, 5, ?, 0, 200, 0, 0), ",
		},
		xml: string(benchEntry(benchEntryBytes).XML),
	}, nil
}

func (r *rawTable) close() error { return r.conn.Close() }

// inserts measures commits of so many rows each, in rows per second.
func (r *rawTable) inserts(batch int) measure {
	return func(ctx context.Context, d time.Duration) (float64, error) {
		return rate(ctx, d, 1, func(int) (int, error) { return batch, r.commit(batch) })
	}
}

// commit inserts n rows in one transaction.
func (r *rawTable) commit(n int) error {
	return r.transact(func() error { return r.insert(n) })
}

// transact does work in one transaction.
func (r *rawTable) transact(work func() error) error {
	if err := r.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := work(); err != nil {
		return errors.Join(err, r.exec("ROLLBACK"))
	}
	return r.exec("COMMIT")
}

func (r *rawTable) exec(sql string, args ...driver.Value) error {
	if _, err := r.conn.Exec(sql, args); err != nil {
		return fmt.Errorf("%.20s: %w", sql, err)
	}
	return nil
}

// insert inserts n entries.
func (r *rawTable) insert(n int) error {
	now := time.Now().UnixMicro()
	return r.entries.insert(r.conn, n, func(args []driver.Value) ([]driver.Value, error) {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("make a uuid: %w", err)
		}
		r.next++
		return append(args, r.next, benchFeed, id.String(), "bench", now, now, now, r.xml), nil
	})
}

// insert inserts n rows, whose values row appends.
func (i *rawInsert) insert(conn *sqlite3.SQLiteConn, n int, row func(args []driver.Value) ([]driver.Value, error)) error {
	for n > 0 {
		chunk := min(n, rawChunk)
		var values []driver.Value
		for range chunk {
			var err error
			if values, err = row(values); err != nil {
				return err
			}
		}
		if err := i.exec(conn, chunk, values); err != nil {
			return err
		}
		n -= chunk
	}
	return nil
}

func (i *rawInsert) exec(conn *sqlite3.SQLiteConn, rows int, values []driver.Value) error {
	statement, err := i.statement(conn, rows)
	if err != nil {
		return err
	}
	args := make([]driver.NamedValue, len(values))
	for n, v := range values {
		args[n] = driver.NamedValue{Ordinal: n + 1, Value: v}
	}
	if _, err := statement.ExecContext(context.Background(), args); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	return nil
}

func (i *rawInsert) statement(conn *sqlite3.SQLiteConn, rows int) (driver.StmtExecContext, error) {
	if s := i.prepared[rows]; s != nil {
		return s, nil
	}
	s, err := conn.Prepare(i.into + strings.TrimSuffix(strings.Repeat(i.row, rows), ", "))
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	if i.prepared == nil {
		i.prepared = make(map[int]driver.StmtExecContext)
	}
	i.prepared[rows] = s.(*sqlite3.SQLiteStmt)
	return i.prepared[rows], nil
}
