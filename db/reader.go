package db

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"
)

// reader reads, on any of several connections. What PostgreSQL refuses to look for, because no text can hold it, is
// not there.
type reader struct {
	*sqlx.DB
	text   func(query string) string // as the database takes it
	native bool                      // it is SQLite: eachRow works
}

// GetContext reads one row into dest.
func (r *reader) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	err := r.DB.GetContext(ctx, dest, r.text(query), args...)
	if stateOf(err) == notText {
		return sql.ErrNoRows
	}
	return err
}

// SelectContext reads all rows into dest.
func (r *reader) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	err := r.DB.SelectContext(ctx, dest, r.text(query), args...)
	if stateOf(err) == notText {
		return nil
	}
	return err
}

// QueryxContext returns the rows.
func (r *reader) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	return r.DB.QueryxContext(ctx, r.text(query), args...)
}
