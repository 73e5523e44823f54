package main

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/mattn/go-sqlite3"
)

// rawFile is a SQLite file.
type rawFile struct {
	conn    *sqlite3.SQLiteConn
	entries rawInsert
	works   rawInsert
}

// rawInsert is a statement that inserts any number of rows.
type rawInsert struct {
	into, row string
	prepared  map[int]driver.StmtExecContext // by number of rows
}

// rawChunk is how many rows one statement inserts; more gain nothing.
const rawChunk = 50

func openRawFile(_ context.Context, path string) (rawConn, error) {
	conn, err := new(sqlite3.SQLiteDriver).Open("file:" + path + "?_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &rawFile{
		conn: conn.(*sqlite3.SQLiteConn),
		entries: rawInsert{
			into: "INSERT INTO atommq_entry (id, feed, uuid, title, published, updated, edited, xml, atom_id, absent) VALUES ",
			row:  "(?, ?, ?, ?, ?, ?, ?, ?, '', 0), ",
		},
		works: rawInsert{
			into: "INSERT INTO atommq_ready (queue, rank, id, attempts, bytes, ack_timeout, expires) VALUES ",
			row:  "(1, 5, ?, 0, 200, 0, 0), ",
		},
	}, nil
}

// close implements rawConn.
func (f *rawFile) close() error { return f.conn.Close() }

// begin implements rawConn.
func (f *rawFile) begin() error { return f.exec("BEGIN IMMEDIATE") }

// exec implements rawConn.
func (f *rawFile) exec(sql string, args ...driver.Value) error {
	if _, err := f.conn.Exec(sql, args); err != nil {
		return fmt.Errorf("%.20s: %w", sql, err)
	}
	return nil
}

// insertEntries implements rawConn.
func (f *rawFile) insertEntries(after int64, n int, xml string) error {
	now := time.Now().UnixMicro()
	return f.entries.insert(f.conn, n, func(args []driver.Value) ([]driver.Value, error) {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("make a uuid: %w", err)
		}
		after++
		return append(args, after, benchFeed, id.String(), "bench", now, now, now, xml), nil
	})
}

// insertWorks implements rawConn.
func (f *rawFile) insertWorks(after int64, n int) error {
	return f.works.insert(f.conn, n, func(args []driver.Value) ([]driver.Value, error) {
		after++
		return append(args, after), nil
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
