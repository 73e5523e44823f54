package db

import (
	"context"
	"database/sql"
	"reflect"
	"sync"

	"github.com/jmoiron/sqlx"
)

// reader reads, on any of several connections. What PostgreSQL refuses to look for, because no text
// can hold it, is not there.
type reader struct {
	*sqlx.DB
	text   func(query string) string // as the database takes it
	native bool                      // it is SQLite: eachRow works

	mu   sync.Mutex
	kept map[string]*sqlx.Stmt // by text
}

// GetContext reads one row into dest.
func (r *reader) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	err := r.patiently(ctx, func() error { return r.DB.GetContext(ctx, dest, r.text(query), args...) })
	if stateOf(err) == notText {
		return sql.ErrNoRows
	}
	return err
}

// SelectContext reads all rows into dest.
func (r *reader) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	err := r.patiently(ctx, func() error {
		reflect.ValueOf(dest).Elem().SetZero() // of rows that came before a connection was lost
		return r.DB.SelectContext(ctx, dest, r.text(query), args...)
	})
	if stateOf(err) == notText {
		return nil
	}
	return err
}

// selectOften does so by a statement that stays prepared: for what is asked many times a second.
// Others would fare worse with a plan that knows no values.
func (r *reader) selectOften(ctx context.Context, dest any, query string, args ...any) error {
	s, err := r.keep(ctx, query) //nolint:sqlclosecheck // it is closed with the pool
	if err != nil {
		return err
	}
	return s.SelectContext(ctx, dest, args...)
}

func (r *reader) keep(ctx context.Context, query string) (*sqlx.Stmt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.kept[query]; s != nil {
		return s, nil
	}
	s, err := r.PreparexContext(ctx, r.text(query)) //nolint:sqlclosecheck // it is closed with the pool
	if err != nil {
		return nil, err
	}
	if r.kept == nil {
		r.kept = make(map[string]*sqlx.Stmt)
	}
	r.kept[query] = s
	return s, nil
}

// QueryxContext returns the rows.
func (r *reader) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	var rows *sqlx.Rows
	err := r.patiently(ctx, func() (err error) {
		rows, err = r.DB.QueryxContext(ctx, r.text(query), args...) //nolint:sqlclosecheck // who asked closes them
		return err
	})
	return rows, err
}

// patiently reads again, as transactions that write are tried again, while a server cannot be
// reached: one that restarts is there in a moment.
func (r *reader) patiently(ctx context.Context, read func() error) error {
	err := read()
	if r.native || !passing(err) {
		return err
	}
	again := newRetries(patience)
	defer again.stop()
	for passing(err) && again.wait(ctx) {
		err = read()
	}
	return err
}
