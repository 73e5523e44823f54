package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"atommq/bus"
	"atommq/migrations"
)

// Restore makes a database what a backup is. The database must be one that nothing was ever
// published to, or none, and nobody may work on it; killed on the way, it is as it was. Claims in
// the backup are those of nodes that are gone: the first node that opens the database returns them
// to their queues.
type Restore struct {
	From string // a file
	To   string // a database
	// LastID is an id that may have been given since the backup, 0 for none: what is published from
	// now on gets ids above it, so that no reader who has seen it takes the new for what it has.
	LastID int64
	// Progress is told as of a Backup.
	Progress func(Progress)
}

// Run verifies the backup first, and returns what was restored.
func (r *Restore) Run(ctx context.Context) (_ []Copied, err error) {
	tell := r.Progress
	if tell == nil {
		tell = func(Progress) {}
	}
	kept, err := fileStateOf(r.From)
	if err != nil {
		return nil, copyError(ctx, r.From, err)
	}
	from, err := openBackup(ctx, r.From, tell)
	if err != nil {
		return nil, copyError(ctx, r.From, err)
	}
	defer func() { err = errors.Join(err, from.close()) }()
	if IsPostgres(r.To) {
		return r.toServer(ctx, from, tell)
	}
	tables, err := r.toFile(ctx, from, kept, tell)
	if err != nil {
		return nil, copyError(ctx, r.To, err)
	}
	return tables, nil
}

// openBackup opens a backup that is sound, and that this program can work with.
func openBackup(ctx context.Context, path string, tell func(Progress)) (*copySide, error) {
	from, err := openKept(ctx, path)
	if err != nil {
		return nil, damage(err)
	}
	err = notNewer(from.schema)
	if err == nil {
		tell(Progress{Phase: "verify"})
		err = from.sound(ctx)
	}
	if err == nil {
		err = from.mustHaveMedia(ctx)
	}
	if err != nil {
		return nil, errors.Join(damage(err), from.close())
	}
	return from, nil
}

// damage says of a backup what SQLite says of a file.
func damage(err error) error {
	if isDamaged(err) || errors.Is(err, ErrDamaged) {
		return fmt.Errorf("is damaged: restore another backup (%s)", strings.TrimPrefix(err.Error(), "is damaged: "))
	}
	return err
}

// toServer copies row by row, and goes on where it broke off.
func (r *Restore) toServer(ctx context.Context, from *copySide, tell func(Progress)) (_ []Copied, err error) {
	if migrations.CheckVersion(from.schema) != nil {
		return nil, errors.New("the backup is of an older schema: restore it into a file, run atommq migrate up on that, and then atommq copy")
	}
	to, err := openTarget(ctx, r.To)
	if err != nil {
		return nil, copyError(ctx, r.To, err)
	}
	defer func() { err = errors.Join(err, to.close()) }()
	t := &transfer{from: from, to: to, tell: tell, batch: copyRows, advice: ": run it again to go on"}
	tables, err := t.run(ctx)
	if err == nil {
		err = copyError(ctx, r.To, r.raise(ctx, to.conn))
	}
	return tables, err
}

// toFile copies the pages, in one transaction of the target.
func (r *Restore) toFile(ctx context.Context, from *copySide, kept fileState, tell func(Progress)) (_ []Copied, err error) {
	loc, err := parse(r.To)
	if err != nil {
		return nil, err
	}
	if err := loc.check(); err != nil {
		return nil, err
	}
	to, err := openFree(ctx, loc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	err = copyPages(ctx, from.conn, to.conn, func(done, of int64) {
		tell(Progress{Phase: "copy pages", Rows: done, Of: of})
	})
	if err != nil {
		_ = letIn(context.WithoutCancel(ctx), to.conn) // nothing is there; a journal that stays says so
		return nil, err
	}
	tables, err := r.complete(ctx, from, to, kept)
	if err != nil {
		return nil, errors.Join(err, empty(context.WithoutCancel(ctx), to.conn))
	}
	if err := letIn(ctx, to.conn); err != nil {
		return nil, err
	}
	return tables, syncFile(filepath.Dir(loc.path))
}

// complete does what is left once the pages are copied, and finds out whether they are those of the
// backup that was verified.
func (r *Restore) complete(ctx context.Context, from, to *copySide, kept fileState) ([]Copied, error) {
	if now, err := fileStateOf(r.From); err != nil {
		return nil, err
	} else if !now.continues(kept) {
		return nil, errors.New("nothing was restored: the backup changed while it was read; run it again once nobody writes to that")
	}
	if err := r.raise(ctx, to.conn); err != nil {
		return nil, err
	}
	to.tables = from.tables
	there, err := from.counts(ctx)
	if err != nil {
		return nil, err
	}
	here, err := to.counts(ctx)
	if err != nil {
		return nil, err
	}
	return here, sameCounts(there, here)
}

// fileState is by what a file is known to have been left alone.
type fileState struct {
	size    int64
	written time.Time // zero for a file with a log, which whoever reads it may bring in
}

func fileStateOf(path string) (fileState, error) {
	loc, err := parse(path)
	if err != nil {
		return fileState{}, err
	}
	info, err := os.Stat(loc.path)
	if err != nil {
		return fileState{}, err
	}
	state := fileState{size: info.Size()}
	if loc.hasEmptyLog() {
		state.written = info.ModTime()
	}
	return state, nil
}

// continues reports whether a file that was in the former state has lost nothing since.
func (s fileState) continues(former fileState) bool {
	if s.written.IsZero() || former.written.IsZero() {
		return s.size >= former.size
	}
	return s == former
}

// empty takes the pages of a database away again, for they are not what was to be restored: whoever
// started a server on them would take them for it.
func empty(ctx context.Context, conn *sql.Conn) (err error) {
	pool, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	nothing, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nothing.Close()) }()
	if err := copyPages(ctx, nothing, conn, func(int64, int64) {}); err != nil {
		return fmt.Errorf("the database is not whole, and could not be emptied: remove it: %w", err)
	}
	return letIn(ctx, conn)
}

// letIn ends what openFree began. With others kept out, the journal would stay as it is, and lie
// there for good; SQLite removes it when it is told to keep it no longer, out of WAL mode, and once
// a read has given up the lock.
func letIn(ctx context.Context, conn *sql.Conn) error {
	for _, statement := range []string{
		"PRAGMA journal_mode = MEMORY",
		"PRAGMA locking_mode = NORMAL",
		"SELECT 1 FROM sqlite_schema",
		"PRAGMA journal_mode = PERSIST",
		"PRAGMA journal_mode = DELETE",
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// raise has ids go on above LastID.
func (r *Restore) raise(ctx context.Context, conn *sql.Conn) error {
	if r.LastID == 0 {
		return nil
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf("UPDATE atommq_log SET last_id = %d WHERE last_id < %d", r.LastID, r.LastID))
	return err
}

// openFree opens a file that holds nothing, or makes it, and keeps others out. Its journal is one
// that lets it go back to nothing.
func openFree(ctx context.Context, loc location) (_ *copySide, err error) {
	if info, err := os.Stat(loc.path); err == nil && info.Mode().Perm()&0o200 == 0 {
		return nil, fmt.Errorf("may not be written: %w", bus.ErrReadOnly)
	}
	loc.make()
	s := &copySide{name: loc.path, copyDialect: copyFile{}}
	if s.pool, err = sql.Open("sqlite3", loc.url("_busy_timeout=2000", "_locking_mode=EXCLUSIVE", "_synchronous=FULL")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(busyError(err), s.close())
		}
	}()
	if s.conn, err = s.pool.Conn(ctx); err != nil {
		return nil, err
	}
	if err := s.lock(ctx, s.conn); err != nil {
		return nil, err
	}
	if s.tables, err = s.list(ctx, s.conn); err != nil {
		return nil, err
	}
	if err := s.mustHoldNothing(ctx); err != nil {
		return nil, err
	}
	_, err = s.conn.ExecContext(ctx, "PRAGMA journal_mode = DELETE")
	return s, err
}

// mustHoldNothing refuses a file with tables of others, or of a bus that was used.
func (s *copySide) mustHoldNothing(ctx context.Context) error {
	var others int
	err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'atommq%' AND name NOT LIKE 'sqlite%'").Scan(&others)
	switch {
	case err != nil:
		return err
	case others > 0:
		return errors.New("holds tables of another program: name another file")
	case len(s.tables) == 0:
		return nil
	}
	return s.mustBeEmpty(ctx)
}
