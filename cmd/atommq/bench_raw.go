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

// rawTable inserts rows into atommq_entry with nothing around it: no feeds, no
// ids taken from a counter, no callers to answer. It is as fast as SQLite goes
// through its driver, with the pragmas that package db uses.
type rawTable struct {
	conn *sqlite3.SQLiteConn
	rows map[int]driver.StmtExecContext // by number of rows
	next int64
	xml  string
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
		rows: make(map[int]driver.StmtExecContext),
		xml:  string(benchEntry(benchEntryBytes).XML),
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
	if _, err := r.conn.Exec("BEGIN IMMEDIATE", nil); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	for left := n; left > 0; {
		chunk := min(left, rawChunk)
		if err := r.insert(chunk); err != nil {
			_, undo := r.conn.Exec("ROLLBACK", nil)
			return errors.Join(err, undo)
		}
		left -= chunk
	}
	if _, err := r.conn.Exec("COMMIT", nil); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (r *rawTable) insert(n int) error {
	statement, err := r.statement(n)
	if err != nil {
		return err
	}
	now := time.Now().UnixMicro()
	args := make([]driver.NamedValue, 0, 8*n)
	for range n {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make a uuid: %w", err)
		}
		r.next++
		for _, v := range []driver.Value{r.next, benchFeed, id.String(), "bench", now, now, now, r.xml} {
			args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: v})
		}
	}
	if _, err := statement.ExecContext(context.Background(), args); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	return nil
}

func (r *rawTable) statement(n int) (driver.StmtExecContext, error) {
	if s := r.rows[n]; s != nil {
		return s, nil
	}
	s, err := r.conn.Prepare("INSERT INTO atommq_entry (id, feed, uuid, title, published, updated, edited, xml, atom_id, absent) VALUES " +
		strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?, ?, ?, '', 0), ", n), ", "))
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	r.rows[n] = s.(*sqlite3.SQLiteStmt)
	return r.rows[n], nil
}
