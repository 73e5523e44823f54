package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/lib/pq"

	"atommq/migrations"
)

// ErrForeign says that a database has no tables of AtomMQ, but some of another program. The one in
// Perl, of the same name, is another: it had an atommq_entry as well.
var ErrForeign = errors.New("is a database of another program")

// selectForeign finds a table of another program, in a file that AtomMQ has no tables in yet.
const selectForeign = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'
	AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'atommq_schema') LIMIT 1`

// selectForeignOnServer does so in the schema that AtomMQ's tables would be made in. What an
// extension brought, as PostGIS its spatial_ref_sys, is nobody's.
const selectForeignOnServer = `SELECT c.relname FROM pg_class AS c
	WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND c.relkind IN ('r', 'p', 'f')
		AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		AND to_regclass('atommq_schema') IS NULL
	ORDER BY c.relname LIMIT 1`

// ownSchema is how AtomMQ shares a database of PostgreSQL with others.
const ownSchema = "name another database, or give AtomMQ a schema of its own: CREATE SCHEMA atommq, and ?search_path=atommq"

// CheckOwn refuses, with ErrForeign, to make a bus of what another program keeps in a database.
func CheckOwn(ctx context.Context, d *sql.DB) error {
	return checkOwn(ctx, d, onServer(d))
}

// onServer reports whether a pool is of PostgreSQL.
func onServer(d *sql.DB) bool {
	_, is := d.Driver().(*pq.Driver)
	return is
}

// asker is a pool or one of its connections.
type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

var (
	_ asker = (*sql.DB)(nil)
	_ asker = (*sql.Conn)(nil)
)

func checkOwn(ctx context.Context, d asker, onServer bool) error {
	query, advice := selectForeign, "name another file"
	if onServer {
		query, advice = selectForeignOnServer, ownSchema
	}
	var table string
	switch err := d.QueryRowContext(ctx, query).Scan(&table); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w, with a table %q: %s", ErrForeign, table, advice)
}

// ensureOwn is migrations.Ensure for a database that may be another program's. made reports whether
// there were no tables yet.
func ensureOwn(ctx context.Context, d *sql.DB) (made bool, err error) {
	if err := CheckOwn(ctx, d); err != nil {
		return false, err
	}
	made = errors.Is(migrations.Check(ctx, d), migrations.ErrNone)
	return made, migrations.Ensure(ctx, d)
}
