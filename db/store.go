package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/jmoiron/sqlx"

	"atommq/bus"
	"atommq/migrations"
)

// Config tunes a Store. Its zero value is right for a server.
type Config struct {
	// Synchronous is, of a file, SQLite's setting of that name: "FULL" by default, so that what
	// Commit acknowledged survives a power cut; "NORMAL" only survives a crash of
	// the process; "EXTRA" and "OFF" are taken too.
	Synchronous string
	// Readers bounds the connections that read at once: default 4, or the number of CPUs if larger.
	Readers int
	// BusyTimeout is how long, in a file, a writer waits for another process to end its
	// transaction before it fails with bus.ErrUnavailable: default 10 s.
	BusyTimeout time.Duration
	// Log is told of a file's log that cannot be written to the file, and of a server that has lost
	// what was committed, of which nobody else would know: default slog.Default().
	Log *slog.Logger
	// Existing has Open make nothing: it fails with ErrNoBus where there is none.
	Existing bool
	// KeepSchema has Open refuse a file that an older AtomMQ made, which may be working on it, as it
	// refuses such a database of PostgreSQL.
	KeepSchema bool
}

// ErrNoBus says that a database has no tables of AtomMQ yet, or is a file that is not there.
var ErrNoBus = errors.New("holds no bus yet")

// Store is a bus.Store and bus.Notifier on a database.
type Store struct {
	writer *writer
	reader *reader
	commit commit
	nodes  vitals
	made   bool // the tables, on a server
}

// MadeTables reports whether Open made the tables in a database of PostgreSQL, which had none.
func (s *Store) MadeTables() bool { return s.made }

// vitals tells which nodes live.
type vitals interface {
	// hold begins the life of a node here. It is called inside the transaction that enters the node.
	hold(node int64) error
	// release ends it, if it is one of here.
	release(node int64) error
	// held reports whether a node of anywhere lives, that the table does not call dead.
	held(node int64) (bool, error)
	// onLoss has call called with each node of here that others may take for dead from then on.
	onLoss(call func(node int64))
	close() error
}

var (
	_ bus.Store    = (*Store)(nil)
	_ bus.Notifier = (*Store)(nil)
)

// Open opens the database that dsn names. An error is one line that says what to do; it wraps
// bus.ErrNewerSchema, ErrReadOnly, ErrFull or ErrUnavailable where they fit, or this package's own.
//
// A file name or a file: URL with SQLite's parameters names a file, which is made if there is none,
// and migrated, unless cfg says otherwise. Only its owner can read and write one that is made; with
// the parameters mode or vfs, SQLite makes it instead. One that may only be read is opened for
// that; whatever writes then fails with bus.ErrReadOnly.
//
// A postgres: URL names a database of PostgreSQL, which must be there. An empty one gets its tables;
// one that an older AtomMQ made, which may be working on it, is refused until somebody migrates it.
func Open(ctx context.Context, dsn string, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if IsPostgres(dsn) {
		return openServer(ctx, dsn, cfg)
	}
	loc, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, loc, cfg)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", loc.path, translate(ctx, err))
	}
	return s, nil
}

func (c Config) withDefaults() (Config, error) {
	if c.Synchronous == "" {
		c.Synchronous = "FULL"
	}
	switch c.Synchronous {
	case "EXTRA", "FULL", "NORMAL", "OFF":
	default:
		return c, fmt.Errorf("synchronous is %q: use EXTRA, FULL, NORMAL or OFF", c.Synchronous)
	}
	if c.Readers == 0 {
		c.Readers = max(4, runtime.NumCPU())
	}
	if c.BusyTimeout == 0 {
		c.BusyTimeout = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

func open(ctx context.Context, loc location, cfg Config) (*Store, error) {
	if err := loc.check(); err != nil {
		return nil, err
	}
	boundArenas()
	if _, err := os.Stat(loc.path); cfg.Existing && errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoBus
	}
	if err := loc.checkEnd(ctx); err != nil {
		return nil, err
	}
	loc.make()
	w := &sqlite{location: loc, config: cfg}
	if err := w.prepare(ctx); err != nil {
		return nil, err
	}
	if err := migrate(ctx, loc, cfg); err != nil {
		return nil, errors.Join(err, w.close())
	}
	pool, err := sqlx.Open("sqlite3", loc.reader())
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	pool.SetMaxOpenConns(cfg.Readers)
	pool.SetMaxIdleConns(cfg.Readers)
	if err := checkWhole(ctx, pool.DB, copyFile{}.tableCount(copyMarker)); err != nil {
		return nil, errors.Join(err, pool.Close(), w.close())
	}
	return newStore(&writer{engine: w, counterLags: true}, &reader{DB: pool, text: func(query string) string { return query }, native: true}, &nodeLocks{path: loc.nodes(), database: loc.path}), nil
}

func newStore(w *writer, reader *reader, nodes vitals) *Store {
	w.mark = newMark("change")
	return &Store{writer: w, reader: reader, commit: commit{writer: w, mark: newMark("commit")}, nodes: nodes}
}

func migrate(ctx context.Context, loc location, cfg Config) error {
	db, err := sqlx.Open("sqlite3", loc.migrator(cfg))
	if err != nil {
		return err
	}
	defer db.Close()
	if cfg.KeepSchema {
		return migrations.Ensure(ctx, db.DB)
	}
	_, err = migrations.Up(ctx, db.DB)
	return err
}

// Close implements bus.Store. It may be called again.
func (s *Store) Close() error {
	// The readers go first: the last connection to close checkpoints the log and removes
	// it, which a read-only one could not.
	return errors.Join(unlessLost(s.reader.Close()), s.writer.close(), unlessLost(s.nodes.close()))
}
