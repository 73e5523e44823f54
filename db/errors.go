package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"

	"atommq/bus"
	"atommq/migrations"
)

// translate makes the domain's error of a driver's. When ctx is done, its cause
// comes first: the driver may only know that it was interrupted.
func translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if newer, ok := errors.AsType[*migrations.NewerError](err); ok {
		return fmt.Errorf("%w: %w", bus.ErrNewerSchema, newer)
	}
	if errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
	}
	if e, ok := errors.AsType[sqlite3.Error](err); ok {
		if kind := kindOf(e.Code); kind != nil {
			return fmt.Errorf("%w: %w", kind, err)
		}
	}
	return err
}

// kindOf returns the domain's error for a SQLite result code, nil for one that
// only a fault in this package can cause.
func kindOf(code sqlite3.ErrNo) error {
	switch code {
	case sqlite3.ErrFull:
		return bus.ErrFull
	case sqlite3.ErrReadonly:
		return bus.ErrReadOnly
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrIoErr, sqlite3.ErrCorrupt, sqlite3.ErrNotADB,
		sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrAuth, sqlite3.ErrNomem, sqlite3.ErrNoLFS,
		sqlite3.ErrProtocol, sqlite3.ErrInterrupt:
		return bus.ErrUnavailable
	}
	return nil
}

func isBusy(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && e.Code == sqlite3.ErrBusy
}
