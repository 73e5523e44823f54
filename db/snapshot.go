package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"atommq/migrations"
)

// openSnapshot opens a database as it is at one moment, for reading. Whoever works on it goes on meanwhile.
func openSnapshot(ctx context.Context, dsn string) (_ *copySide, err error) {
	s := &copySide{name: dsn}
	if s.pool, s.copyDialect, s.tidy, err = openSnapshotPool(ctx, dsn); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(busyError(err), s.close())
		}
		switch {
		case isDamaged(err):
			err = explainCut(dsn, err)
		case isBrokenOff(err):
			err = ErrBrokenOff
		}
	}()
	if s.conn, err = s.pool.Conn(ctx); err != nil {
		return nil, err
	}
	if err := s.look(ctx); err != nil {
		return nil, err
	}
	if s.schema, err = s.version(ctx); err != nil {
		return nil, err
	}
	stamp, err := s.stamp(ctx)
	if err == nil && stamp != "" {
		err = ErrUnfinished
	}
	if err != nil {
		return nil, err
	}
	s.tables, err = s.list(ctx, s.conn)
	if err == nil && len(s.tables) == 0 {
		err = ErrNoBus
	}
	return s, err
}

// look begins to read, of a file that has lost nothing at its end.
func (s *copySide) look(ctx context.Context) error {
	if err := s.picture(ctx, s.conn); err != nil || IsPostgres(s.name) {
		return err
	}
	return s.mustBeWhole(ctx)
}

func openSnapshotPool(ctx context.Context, dsn string) (_ *sql.DB, _ copyDialect, tidy func(), err error) {
	if IsPostgres(dsn) {
		pool, err := openUnshared(ctx, dsn)
		return pool, copyServer{}, nil, err
	}
	loc, err := parse(dsn)
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := os.Stat(loc.path); err != nil {
		return nil, nil, nil, err
	}
	if loc.hasEmptyLog() {
		tidy = loc.removeLog
	}
	pool, err := loc.openToRead()
	return pool, copyFile{}, tidy, err
}

// hasEmptyLog reports whether there is nothing in the log beside a file, or no log.
func (l location) hasEmptyLog() bool {
	info, err := os.Stat(l.real() + "-wal")
	return errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0
}

// removeLog removes the log, and its index, that reading made beside a file which nobody works on:
// a connection that may only read makes both, and cannot remove them. One that may write does when
// it is the last to close: whoever came meanwhile keeps what is theirs.
func (l location) removeLog() {
	if _, err := os.Stat(l.real() + "-shm"); err != nil {
		return
	}
	pool, err := sql.Open("sqlite3", l.url("mode=rw", "_busy_timeout=0"))
	if err == nil {
		// Where it may not write, they stay.
		_, _ = pool.Exec("SELECT 1 FROM sqlite_schema")
		_ = pool.Close()
	}
}

// OpenFile opens a file of SQLite, of whichever program, for reading.
func OpenFile(path string) (*sql.DB, error) { return location{path: path}.openToRead() }

func (l location) openToRead() (*sql.DB, error) {
	return sql.Open("sqlite3", l.url("mode=ro", "_query_only=1", "_busy_timeout=5000"))
}

// hasBeside reports whether there may be a file of that suffix beside the database.
func (l location) hasBeside(suffix string) bool {
	_, err := os.Stat(l.real() + suffix)
	return !errors.Is(err, os.ErrNotExist)
}

// openKept opens a file that nobody works on, a backup, for reading. It may lie where nothing can
// be written, if nothing lies beside it that belongs to it.
func openKept(ctx context.Context, path string) (*copySide, error) {
	loc, err := parse(path)
	if err != nil {
		return nil, err
	}
	if !loc.hasBeside("-wal") && !loc.hasBeside("-journal") {
		path = loc.url("immutable=1")
	}
	return openSnapshot(ctx, path)
}

// schemaTable is where the version of the schema stands.
const schemaTable = "atommq_schema"

// version returns that of the schema.
func (s *copySide) version(ctx context.Context) (version int64, err error) {
	if there, err := s.has(ctx, schemaTable); err != nil {
		return 0, err
	} else if !there {
		return 0, cmp.Or(checkOwn(ctx, s.conn, IsPostgres(s.name)), ErrNoBus)
	}
	err = s.conn.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+schemaTable+" WHERE is_applied").Scan(&version)
	return version, err
}

// sound looks through the pages of a file for faults.
func (s *copySide) sound(ctx context.Context) error {
	var first string
	if err := s.conn.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&first); err != nil {
		return err
	}
	if first != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, strings.TrimPrefix(first, "*** in database main ***\n"))
	}
	return s.harmless(ctx)
}

const foreignCode = "SELECT type, name FROM sqlite_schema WHERE type = 'trigger' OR type = 'view' AND name GLOB 'atommq_*' LIMIT 1"

// harmless refuses a file with triggers in it, which would go on to do what their maker wanted in
// every bus that the file is restored to, or with views that pass for tables of AtomMQ.
func (s *copySide) harmless(ctx context.Context) error {
	var kind, name string
	err := s.conn.QueryRowContext(ctx, foreignCode).Scan(&kind, &name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("holds the %s %q, which AtomMQ did not make: do not trust it", kind, name)
}

// counts returns how many rows each table has.
func (s *copySide) counts(ctx context.Context) (tables []Copied, err error) {
	for _, t := range s.tables {
		n, err := s.count(ctx, t.name)
		if err != nil {
			return nil, err
		}
		tables = append(tables, Copied{Table: t.name, Rows: n})
	}
	return tables, nil
}

// notNewer lets a schema pass that this program can bring to date.
func notNewer(version int64) error {
	err := migrations.CheckVersion(version)
	if _, older := errors.AsType[*migrations.OlderError](err); older {
		return nil
	}
	return err
}
