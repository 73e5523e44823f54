package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"atommq/bus"
)

// copyFile is a SQLite file.
type copyFile struct{}

// list implements copyDialect.
func (copyFile) list(ctx context.Context, conn *sql.Conn) (tables []*copyTable, err error) {
	rows, err := conn.QueryContext(ctx, `SELECT m.name, c.name, c.type, c.pk, m.sql LIKE '%AUTOINCREMENT%'
		FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
		WHERE m.type = 'table' AND m.name LIKE 'atommq%' AND m.name NOT IN ('atommq_schema', '`+copyMarker+`')
		ORDER BY m.name = 'atommq_log', m.name, c.cid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := make(map[string]map[int]string)
	for rows.Next() {
		var (
			name, column, kind string
			place              int
			numbers            bool
		)
		if err := rows.Scan(&name, &column, &kind, &place, &numbers); err != nil {
			return nil, err
		}
		if len(tables) == 0 || tables[len(tables)-1].name != name {
			tables = append(tables, &copyTable{name: name, texts: make(map[string]bool)})
			keys[name] = make(map[int]string)
		}
		t := tables[len(tables)-1]
		t.columns = append(t.columns, column)
		t.texts[column] = kind == "TEXT"
		if place > 0 {
			keys[name][place] = column
			if numbers {
				t.sequence = column
			}
		}
	}
	for _, t := range tables {
		for place := 1; place <= len(keys[t.name]); place++ {
			t.key = append(t.key, keys[t.name][place])
		}
	}
	return tables, rows.Err()
}

// tableCount implements copyDialect.
func (copyFile) tableCount(name string) string {
	return "SELECT count(*) FROM sqlite_schema WHERE name = '" + name + "'"
}

// lock implements copyDialect. The connection keeps locks that it took.
func (copyFile) lock(ctx context.Context, conn *sql.Conn) error {
	for _, statement := range []string{"BEGIN EXCLUSIVE", "COMMIT"} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// unlock implements copyDialect: the file is closed right after.
func (copyFile) unlock(context.Context, *sql.Conn) error { return nil }

// picture implements copyDialect.
func (copyFile) picture(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "BEGIN; SELECT count(*) FROM sqlite_schema") // a transaction begins with what it first reads
	return err
}

// busyError says who holds a file.
func busyError(err error) error {
	if isBusy(err) {
		return fmt.Errorf("another process has it open: stop the server, gateways and whatever else works on it first: %w", bus.ErrUnavailable)
	}
	return err
}

// text implements copyDialect.
func (copyFile) text(query string) string { return query }

// param implements copyDialect.
func (copyFile) param(int) string { return "?" }

// ordered implements copyDialect.
func (copyFile) ordered(_ *copyTable, column string) string { return `"` + column + `"` }

// fileRows is how many rows one statement takes.
const fileRows = 32

// write implements copyDialect.
func (copyFile) write(ctx context.Context, tx *sql.Tx, table *copyTable, rows [][]any) (err error) {
	into := "INSERT INTO " + table.name + " (" + names(table.columns) + ") VALUES "
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(table.columns)), ", ") + ")"
	many, err := tx.PrepareContext(ctx, into+strings.TrimSuffix(strings.Repeat(row+", ", fileRows), ", "))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, many.Close()) }()
	var args []any
	for ; len(rows) >= fileRows; rows = rows[fileRows:] {
		args = args[:0]
		for _, r := range rows[:fileRows] {
			args = append(args, r...)
		}
		if _, err := many.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if _, err := tx.ExecContext(ctx, into+row, r...); err != nil {
			return err
		}
	}
	return nil
}

// sequence implements copyDialect.
func (copyFile) sequence(ctx context.Context, conn *sql.Conn, table *copyTable) (last int64, err error) {
	err = conn.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?", table.name).Scan(&last)
	return last, err
}

// setSequence implements copyDialect.
func (copyFile) setSequence(ctx context.Context, conn *sql.Conn, table *copyTable, last int64) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM sqlite_sequence WHERE name = ?", table.name); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table.name, last)
	return err
}
