package migrations

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io/fs"

	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"
)

// transact runs work with a goose whose every statement is in one write
// transaction, ended with end. goose takes no lock on SQLite and makes its version table before it
// would: but SQLite gives the right to write to one process at a time, and
// takes everything back when one dies halfway.
func transact(ctx context.Context, db *sql.DB, end string, work func(*goose.Provider) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(raw any) error {
		one := sql.OpenDB(borrowed{raw.(*sqlite3.SQLiteConn)})
		one.SetMaxOpenConns(1)
		defer one.Close()
		if _, err := one.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
			return fmt.Errorf("waiting for the right to write: %w", err)
		}
		whole := context.WithoutCancel(ctx)
		err := run(ctx, one, work)
		if err == nil {
			_, err = one.ExecContext(whole, end)
		}
		if err != nil {
			_, _ = one.ExecContext(whole, "ROLLBACK") // SQLite may have done so itself
		}
		return err
	})
}

func run(ctx context.Context, db *sql.DB, work func(*goose.Provider) error) error {
	sources, err := fs.Sub(files, "sqlite")
	if err != nil {
		return err
	}
	// Isolating DDL keeps goose from opening transactions of its own.
	p, err := goose.NewProvider(goose.DialectSQLite3, db, sources,
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

// borrowed lends one connection to a sql.DB, which does not close it.
type borrowed struct{ *sqlite3.SQLiteConn }

var _ driver.Connector = borrowed{}

// Connect implements driver.Connector.
func (b borrowed) Connect(context.Context) (driver.Conn, error) { return b, nil }

// Driver implements driver.Connector.
func (b borrowed) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// Close implements driver.Conn.
func (b borrowed) Close() error { return nil }
