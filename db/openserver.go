package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jmoiron/sqlx"

	"atommq/migrations"
)

// openServer opens a store on a PostgreSQL server.
func openServer(ctx context.Context, dsn string, cfg Config) (*Store, error) {
	server, err := parseServer(dsn)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	pool := server.pool(readerSession, answerLimit)
	pool.SetMaxOpenConns(cfg.Readers)
	pool.SetMaxIdleConns(cfg.Readers)
	// Two sessions, so that a notification under way holds up no sign of life.
	side := server.pool(sideSession, answerLimit)
	side.SetMaxOpenConns(2)
	side.SetMaxIdleConns(2)
	texts := new(pgTexts)
	engine := &postgres{server: server, texts: texts, lock: rand.Int64()}
	if err := engine.admit(ctx, pool, side, cfg.Existing); err != nil {
		engine.disconnect()
		return nil, errors.Join(fmt.Errorf("database %s: %w", server.name, translate(ctx, err)), pool.Close(), side.Close())
	}
	engine.herald = newHerald(side)
	beats := &pulse{db: side}
	w := &writer{engine: engine, asArrays: true, skipsLocked: true, repeats: true, whole: engine.whole, ownLock: engine.lock}
	s := newStore(w, &reader{DB: sqlx.NewDb(pool, "postgres"), text: texts.text}, beats)
	s.made, s.commit.known.log, s.commit.known.pulse = engine.made, cfg.Log, beats
	engine.commit = &s.commit
	return s, nil
}

// admit finds out whether the database may be worked on. The session that writes is opened: as long
// as it lasts, no copy begins.
func (p *postgres) admit(ctx context.Context, pool, side *sql.DB, existing bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.made, err = checkServer(ctx, pool, side, existing); err != nil {
		return err
	}
	if err := p.connect(ctx); err != nil {
		return err
	}
	return checkWhole(ctx, pool, copyServer{}.tableCount(copyMarker))
}

// OpenServer opens a pool of connections to the PostgreSQL database that dsn names, as it is.
func OpenServer(dsn string) (*sql.DB, error) {
	server, err := parseServer(dsn)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return server.pool(readerSession, 0), nil
}

// openUnshared is OpenServer for what depends on its session, as locks do, and may take any time.
// It refuses a database whose connections take turns in the same ones.
func openUnshared(ctx context.Context, dsn string) (*sql.DB, error) {
	server, err := parseServer(dsn)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	pool := server.pool(unhurriedSession, 0)
	if err := refuseShared(ctx, pool); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

// openFit is openUnshared for a database that is to be written to.
func openFit(ctx context.Context, dsn string) (*sql.DB, error) {
	pool, err := openUnshared(ctx, dsn)
	if err != nil {
		return nil, err
	}
	if err := refuseEncoding(ctx, pool); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

// pool returns a pool of sessions that begin with setting, and wait for each part of an answer
// for limit at most.
func (s *server) pool(setting string, limit time.Duration) *sql.DB {
	c := s.connector(setting)
	c.unprepared, c.limit = true, limit
	return sql.OpenDB(c)
}

// checkServer refuses a database that the store cannot work with, and reports whether it made the
// tables. side has room for two connections.
func checkServer(ctx context.Context, pool, side *sql.DB, existing bool) (made bool, err error) {
	if err := refuseShared(ctx, side); err != nil {
		return false, err
	}
	if err := refuseEncoding(ctx, side); err != nil {
		return false, err
	}
	if !existing {
		return ensureOwn(ctx, pool)
	}
	err = migrations.Check(ctx, pool)
	if errors.Is(err, migrations.ErrNone) {
		err = ErrNoBus
	}
	return false, err
}

// refuseShared refuses a pool, with room for two connections, that has no sessions of its own.
func refuseShared(ctx context.Context, two *sql.DB) error {
	shared, err := sharesSessions(ctx, two)
	if err == nil && shared {
		err = errors.New("its connections take turns in the same sessions, as behind PgBouncer with pool_mode = transaction:" +
			" set pool_mode = session for this database, or connect to PostgreSQL itself")
	}
	return err
}

// refuseEncoding refuses a database that cannot hold every character: one that it lacks would fail
// what others publish in the same commit. SQL_ASCII takes bytes as they are. Reading one does no
// harm: what it holds must get out.
func refuseEncoding(ctx context.Context, d *sql.DB) error {
	var encoding string
	if err := d.QueryRowContext(ctx, "SHOW server_encoding").Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" && encoding != "SQL_ASCII" {
		return fmt.Errorf("its encoding is %s, which lacks characters that entries may have: make another database, createdb --encoding=UTF8 --template=template0, and move what this one may hold with atommq copy", encoding)
	}
	return nil
}

// sharesSessions reports whether something between here and the server gives two connections one
// session, or one connection several: then what is set, prepared or listened to is found in another
// one, or by others.
func sharesSessions(ctx context.Context, two *sql.DB) (bool, error) {
	var conns [2]*sql.Conn
	for i := range conns {
		conn, err := two.Conn(ctx)
		if err != nil {
			return false, err
		}
		defer conn.Close()
		conns[i] = conn
	}
	var pids [4]int
	for i, conn := range []*sql.Conn{conns[0], conns[0], conns[1], conns[0]} {
		if err := conn.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pids[i]); err != nil {
			return false, err
		}
	}
	return pids[0] != pids[1] || pids[0] != pids[3] || pids[0] == pids[2], nil
}
