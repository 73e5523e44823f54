package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"atommq/bus"
)

// copyServer is a database of PostgreSQL.
type copyServer struct{}

// list implements copyDialect.
func (copyServer) list(ctx context.Context, conn *sql.Conn) (tables []*copyTable, err error) {
	rows, err := conn.QueryContext(ctx, `SELECT c.relname, a.attname, a.atttypid = 'text'::regtype, a.attidentity <> '',
			coalesce(array_position(i.indkey::int[], a.attnum::int), -1)
		FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
		WHERE c.relkind = 'r' AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
			AND c.relname LIKE 'atommq%' AND c.relname NOT IN ('atommq_schema', '`+copyMarker+`')
		ORDER BY c.relname = 'atommq_log', c.relname COLLATE "C", a.attnum`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := make(map[string]map[int]string)
	for rows.Next() {
		var (
			name, column  string
			text, numbers bool
			place         int
		)
		if err := rows.Scan(&name, &column, &text, &numbers, &place); err != nil {
			return nil, err
		}
		if len(tables) == 0 || tables[len(tables)-1].name != name {
			tables = append(tables, &copyTable{name: name, texts: make(map[string]bool)})
			keys[name] = make(map[int]string)
		}
		t := tables[len(tables)-1]
		t.columns = append(t.columns, column)
		t.texts[column] = text
		if numbers {
			t.sequence = column
		}
		if place >= 0 {
			keys[name][place] = column
		}
	}
	for _, t := range tables {
		for place := range len(keys[t.name]) {
			t.key = append(t.key, keys[t.name][place])
		}
	}
	return tables, rows.Err()
}

// tableCount implements copyDialect.
func (copyServer) tableCount(name string) string { return "SELECT count(to_regclass('" + name + "'))" }

// picture implements copyDialect.
func (copyServer) picture(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SET enable_seqscan = off; SET enable_sort = off; BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
	return err
}

// lock implements copyDialect. It keeps nodes from writing, and reads what there is as one picture,
// by keys. A node that was stopped a moment ago may still be there, for the server.
func (copyServer) lock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "SET lock_timeout = '2s'"); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock("+presence+")")
	if stateOf(err) == lockNotAvailable {
		return fmt.Errorf("a node works on it: stop every server and gateway on it first: %w", bus.ErrUnavailable)
	}
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "SET lock_timeout = 0; SET enable_seqscan = off; SET enable_sort = off")
	return err
}

// unlock implements copyDialect: a pooler may keep the session for others.
func (copyServer) unlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock("+presence+")")
	return err
}

// text implements copyDialect.
func (copyServer) text(query string) string { return pgText(query) }

// param implements copyDialect.
func (copyServer) param(n int) string { return fmt.Sprintf("$%d", n) }

// ordered implements copyDialect.
func (copyServer) ordered(table *copyTable, column string) string {
	if table.texts[column] {
		return `"` + column + `" COLLATE "C"`
	}
	return `"` + column + `"`
}

// write implements copyDialect.
func (copyServer) write(ctx context.Context, tx *sql.Tx, table *copyTable, rows [][]any) (err error) {
	in, err := tx.PrepareContext(ctx, "COPY "+table.name+" ("+names(table.columns)+") FROM STDIN")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for _, r := range rows {
		if _, err := in.ExecContext(ctx, r...); err != nil {
			return err
		}
	}
	_, err = in.ExecContext(ctx) // ends it
	return err
}

// sequence implements copyDialect.
func (copyServer) sequence(ctx context.Context, conn *sql.Conn, table *copyTable) (last int64, err error) {
	err = conn.QueryRowContext(ctx, "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, $2)), 0)", table.name, table.sequence).Scan(&last)
	return last, err
}

// setSequence implements copyDialect.
func (copyServer) setSequence(ctx context.Context, conn *sql.Conn, table *copyTable, last int64) error {
	// A sequence begins at 1, which it has then given or not.
	_, err := conn.ExecContext(ctx, "SELECT setval(pg_get_serial_sequence($1, $2), greatest($3, 1), $3 > 0)", table.name, table.sequence, last)
	return err
}
