package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"atommq/migrations"
)

// openServer opens a store on a PostgreSQL server.
func openServer(ctx context.Context, dsn string, cfg Config) (*Store, error) {
	server, err := parseServer(dsn)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	pool := server.pool(readerSession)
	pool.SetMaxOpenConns(cfg.Readers)
	pool.SetMaxIdleConns(cfg.Readers)
	if err := migrations.Check(ctx, pool); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", server.name, translate(ctx, err)), pool.Close())
	}
	// Two sessions, so that a notification under way holds up no sign of life.
	side := server.pool(sideSession)
	side.SetMaxOpenConns(2)
	side.SetMaxIdleConns(2)
	texts := new(pgTexts)
	w := &writer{engine: &postgres{server: server, texts: texts, herald: newHerald(side)}, asArrays: true, skipsLocked: true, repeats: true}
	return newStore(w, &reader{sqlx.NewDb(pool, "postgres"), texts.text, false}, &pulse{db: side}), nil
}

// OpenServer opens a pool of connections to the PostgreSQL database that dsn names, as it is: for migrations.
func OpenServer(dsn string) (*sql.DB, error) {
	server, err := parseServer(dsn)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return server.pool(readerSession), nil
}

// pool returns a pool of sessions that begin with setting.
func (s *server) pool(setting string) *sql.DB {
	c := s.connector(setting)
	c.unprepared = true
	return sql.OpenDB(c)
}
