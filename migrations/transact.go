package migrations

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io/fs"

	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"
)

// dialect is how a database is migrated.
type dialect struct {
	goose goose.Dialect
	dir   string // of the SQL
	// begin begins a transaction that nobody else migrates in.
	begin []string
}

func dialectOf(db *sql.DB) dialect {
	if _, ok := db.Driver().(*pq.Driver); ok {
		// The number is one that no other program locks: "atommq" in ASCII.
		return dialect{goose.DialectPostgres, "postgres", []string{"BEGIN", "SELECT pg_advisory_xact_lock(107152713543025)"}}
	}
	return dialect{goose.DialectSQLite3, "sqlite", []string{"BEGIN IMMEDIATE"}}
}

// transact runs work with a goose whose every statement is in one write
// transaction, ended with end. goose takes no lock on SQLite and makes its version table before it
// would: but SQLite gives the right to write to one process at a time, as does the lock taken
// in PostgreSQL, and both take everything back when a process dies halfway.
func transact(ctx context.Context, db *sql.DB, end string, work func(*goose.Provider) error) error {
	d := dialectOf(db)
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(raw any) error {
		one := sql.OpenDB(lender{db.Driver(), lend(raw)})
		one.SetMaxOpenConns(1)
		defer one.Close()
		for _, begin := range d.begin {
			if _, err := one.ExecContext(ctx, begin); err != nil {
				return fmt.Errorf("waiting for the right to write: %w", err)
			}
		}
		whole := context.WithoutCancel(ctx)
		err := d.checkRight(ctx, one)
		if err == nil {
			err = d.run(ctx, one, work)
		}
		if err == nil {
			_, err = one.ExecContext(whole, end)
		}
		if err != nil {
			_, _ = one.ExecContext(whole, "ROLLBACK") // the database may have done so itself
		}
		return err
	})
}

// checkRight finds out whether PostgreSQL lets its user make tables, where there are none yet: goose
// would only say that the transaction is aborted.
func (d dialect) checkRight(ctx context.Context, db *sql.DB) error {
	if d.goose != goose.DialectPostgres {
		return nil
	}
	var e rightError
	var made, may bool
	const query = `SELECT current_user, coalesce(current_schema(), ''), to_regclass('` + table + `') IS NOT NULL,
		coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)`
	if err := db.QueryRowContext(ctx, query).Scan(&e.user, &e.schema, &made, &may); err != nil {
		return fmt.Errorf("looking for rights: %w", err)
	}
	if made || may {
		return nil
	}
	return &e
}

// rightError says that a user of PostgreSQL may not make tables in the schema that is to have them,
// "" where search_path names none that there is.
type rightError struct{ user, schema string }

func (e *rightError) Error() string {
	if e.schema == "" {
		return "there is no schema of those that search_path names: make it, CREATE SCHEMA …"
	}
	return fmt.Sprintf("the user %[1]q may not make tables in the schema %[2]q: GRANT CREATE ON SCHEMA %[2]q TO %[1]q, or make the user the database's owner", e.user, e.schema)
}

func (d dialect) run(ctx context.Context, db *sql.DB, work func(*goose.Provider) error) error {
	sources, err := fs.Sub(files, d.dir)
	if err != nil {
		return err
	}
	// Isolating DDL keeps goose from opening transactions of its own.
	p, err := goose.NewProvider(d.goose, db, sources,
		goose.WithTableName(table),
		goose.WithDisableGlobalRegistry(true),
		goose.WithIsolateDDL(true))
	if err != nil {
		return err
	}
	found, known, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if found > known {
		return &NewerError{Found: found, Known: known}
	}
	return work(p)
}

// lender lends one connection to a sql.DB, which does not close it.
type lender struct {
	driver driver.Driver
	conn   driver.Conn
}

var _ driver.Connector = lender{}

// Connect implements driver.Connector.
func (l lender) Connect(context.Context) (driver.Conn, error) { return l.conn, nil }

// Driver implements driver.Connector.
func (l lender) Driver() driver.Driver { return l.driver }

// lend wraps a driver's connection in what its Close leaves open.
func lend(raw any) driver.Conn {
	if conn, ok := raw.(*sqlite3.SQLiteConn); ok {
		return sqliteLoan{conn}
	}
	return loan{raw.(driver.Conn)}
}

type (
	sqliteLoan struct{ *sqlite3.SQLiteConn } // with all that it can do
	loan       struct{ driver.Conn }
)

// Close implements driver.Conn.
func (sqliteLoan) Close() error { return nil }

// Close implements driver.Conn.
func (loan) Close() error { return nil }
