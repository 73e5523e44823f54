package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// OpenAsIs opens the database that dsn names whatever its schema, for migrations. A file is made if
// there is none; wait bounds how long its statements wait for other processes to stop writing.
func OpenAsIs(ctx context.Context, dsn string, wait time.Duration) (*sql.DB, error) {
	if IsPostgres(dsn) {
		return openFit(ctx, dsn)
	}
	l, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	l.make()
	return sql.Open("sqlite3", l.url(fmt.Sprintf("_busy_timeout=%d", wait.Milliseconds())))
}
