// Package migrations brings a database to the schema that this AtomMQ works
// with: numbered SQL, embedded, run forward only.
//
// # Concurrency
//
// Any number of processes may call Up on one database at once: one migrates
// while the others wait, then find nothing to do. A migration that fails leaves the
// database as it was.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// table is where goose keeps the versions that were applied.
const table = "atommq_schema"

// Migration is one numbered step of the schema.
type Migration struct {
	Version int64
	Name    string // of its file, "00001_log.sql"
	Applied bool
}

// NewerError says that a newer AtomMQ has migrated the database.
type NewerError struct {
	Found int64 // the database's version
	Known int64 // the newest version known here
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("the database's schema has version %d, this program knows versions up to %d: "+
		"run the newer AtomMQ, or restore a backup from before its first start", e.Found, e.Known)
}

// OlderError says that the database has yet to be migrated.
type OlderError struct {
	Found int64 // the database's version
	Known int64 // the newest version known here
}

func (e *OlderError) Error() string {
	return fmt.Sprintf("the database's schema has version %d, this program works with version %d: "+
		"run atommq migrate up with this program, when no older one works on the database any more", e.Found, e.Known)
}

// ErrNone says that a database has no schema of AtomMQ yet.
var ErrNone = errors.New("the database has no tables of AtomMQ yet")

// Ensure fails as Check does, but brings a database that has no schema to the newest.
func Ensure(ctx context.Context, db *sql.DB) error {
	err := Check(ctx, db)
	if errors.Is(err, ErrNone) {
		_, err = Up(ctx, db)
	}
	return err
}

// Check fails with ErrNone, a *NewerError or an *OlderError unless db has the newest schema. It
// changes nothing.
func Check(ctx context.Context, db *sql.DB) error {
	steps, err := Status(ctx, db)
	if err != nil {
		return err
	}
	older := &OlderError{}
	for _, s := range steps {
		older.Known = s.Version
		if s.Applied {
			older.Found = s.Version
		}
	}
	switch older.Found {
	case older.Known:
		return nil
	case 0:
		return ErrNone
	}
	return older
}

// Up brings the SQLite or PostgreSQL database db to the newest schema and returns the steps that it
// took, none when there was nothing to do. It fails with a *NewerError on a database that a newer
// AtomMQ has migrated. On SQLite, the busy timeout of db's connections bounds how long it waits for
// another process; on PostgreSQL, ctx does.
func Up(ctx context.Context, db *sql.DB) (steps []Migration, err error) {
	err = transact(ctx, db, "COMMIT", func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		for _, r := range results {
			steps = append(steps, step(r.Source, true))
		}
		return undone(err)
	})
	if err != nil {
		return nil, fmt.Errorf("migrating: %w", err)
	}
	return steps, nil
}

// undone says of a step that failed what became of it and those before. goose calls that partial.
func undone(err error) error {
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		return fmt.Errorf("%s failed, and nothing was changed: %w", partial.Failed.Source.Path, partial.Err)
	}
	return err
}

// Status lists every step there is and whether db has taken it. It changes
// nothing. It fails as Up does.
func Status(ctx context.Context, db *sql.DB) (steps []Migration, err error) {
	err = transact(ctx, db, "ROLLBACK", func(p *goose.Provider) error {
		results, err := p.Status(ctx)
		for _, r := range results {
			steps = append(steps, step(r.Source, r.State == goose.StateApplied))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the schema's version: %w", err)
	}
	return steps, nil
}

func step(s *goose.Source, applied bool) Migration {
	return Migration{Version: s.Version, Name: s.Path, Applied: applied}
}
