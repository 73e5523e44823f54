package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"atommq/bus"
	"atommq/migrations"
)

// Backup writes a whole bus, as it is at one moment, into a new file of SQLite, while others work
// on it. Until the file is complete, checked and on the disk, it has another name.
type Backup struct {
	From  string // a database
	To    string // a file
	Force bool   // put it in the place of a file that is there
	// Progress is told now and then how far the backup is, from one goroutine at a time; nil for
	// nobody. In the phase "copy pages" it counts those of the file.
	Progress func(Progress)
}

// partial is what a file is named until it is complete.
func partial(path string) string { return path + ".partial" }

// Run returns what the backup holds. Nothing is left of one that fails; one that is killed leaves
// its partial file, which the next one to the same file removes.
func (b *Backup) Run(ctx context.Context) (_ []Copied, err error) {
	if err := cmp.Or(b.mayRead(), b.mayWrite()); err != nil {
		return nil, err
	}
	from, err := openSnapshot(ctx, b.From)
	if err != nil {
		return nil, copyError(ctx, b.From, err)
	}
	defer func() { err = errors.Join(err, from.close()) }()
	part := partial(b.To)
	lock, err := lockPartial(part)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	if err := removeDatabase(part); err != nil { // of a backup that was killed
		return nil, err
	}
	if err := makePrivate(part); err != nil {
		return nil, err
	}
	tables, err := b.write(ctx, from, part)
	if err == nil {
		err = b.publish(part)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("back up to %s: %w", b.To, translate(ctx, err)), removeDatabase(part))
	}
	return tables, nil
}

// mayRead refuses a file of which a part may be found under another name alone.
func (b *Backup) mayRead() error {
	if IsPostgres(b.From) {
		return nil
	}
	loc, err := parse(b.From)
	if err != nil {
		return err
	}
	info, err := os.Stat(loc.path)
	if err == nil {
		err = loc.checkNames(info)
	}
	if err != nil {
		return fmt.Errorf("database %s: %w", loc.path, err)
	}
	return nil
}

// mayWrite refuses a file that is there, and one beside whose name there lies what is left of
// another.
func (b *Backup) mayWrite() error {
	if IsPostgres(b.To) {
		return fmt.Errorf("a backup is a file, and %s is none: atommq copy copies into a database of PostgreSQL", Name(b.To))
	}
	info, err := os.Lstat(b.To)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return b.mayMake()
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file: name one", b.To)
	case !b.Force:
		return fmt.Errorf("%s is there already: name another file, or give --force to replace it", b.To)
	}
	return b.mayReplace(info)
}

// mayMake refuses a name at which the log of a former database lies: it would pass for a part of
// the backup, whose readers would find that database, or a mixture.
func (b *Backup) mayMake() error {
	loc := location{path: b.To}
	if rest := loc.orphan(); rest != "" && !b.Force {
		return fmt.Errorf("%s is there without %s, and may hold the only copy of something: move it away, name another file, or give --force to remove it", rest, b.To)
	}
	return loc.checkDirectory()
}

// mayReplace refuses to put the backup in the place of the database itself.
func (b *Backup) mayReplace(target fs.FileInfo) error {
	if IsPostgres(b.From) {
		return nil
	}
	loc, err := parse(b.From)
	if err != nil {
		return err
	}
	if source, err := os.Stat(loc.path); err == nil && os.SameFile(source, target) {
		return fmt.Errorf("%s is the database itself: name another file", b.To)
	}
	return nil
}

// write makes part a complete backup, and returns what it holds.
func (b *Backup) write(ctx context.Context, from *copySide, part string) ([]Copied, error) {
	tell := b.Progress
	if tell == nil {
		tell = func(Progress) {}
	}
	if IsPostgres(b.From) {
		return writeRows(ctx, from, part, tell)
	}
	if err := writePages(ctx, from, part, tell); err != nil {
		return nil, err
	}
	tell(Progress{Phase: "verify"})
	return verifyPages(ctx, from, part)
}

// writePages copies a file.
func writePages(ctx context.Context, from *copySide, part string, tell func(Progress)) (err error) {
	to, err := openNewFile(part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	conn, err := to.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := (copyFile{}).lock(ctx, conn); err != nil {
		return err
	}
	return copyPages(ctx, from.conn, conn, func(done, of int64) {
		tell(Progress{Phase: "copy pages", Rows: done, Of: of})
	})
}

// makePrivate makes a file for this user alone. Other than a database, root does not give it away.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// openNewFile opens a file that needs no journal: if it does not become complete, it goes.
func openNewFile(path string) (*sql.DB, error) {
	loc := location{path: path}
	return sql.Open("sqlite3", loc.url("_journal_mode=OFF", "_synchronous=OFF", "_locking_mode=EXCLUSIVE"))
}

// verifyPages reads a backup again, and counts what it holds against what the source has. A backup of
// media that are not what came would be refused when it is needed.
func verifyPages(ctx context.Context, from *copySide, part string) (_ []Copied, err error) {
	to, err := openKept(ctx, part)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	if err := to.sound(ctx); err != nil {
		return nil, err
	}
	there, err := from.counts(ctx)
	if err != nil {
		return nil, err
	}
	here, err := to.counts(ctx)
	if err != nil {
		return nil, err
	}
	if err := sameCounts(there, here); err != nil {
		return nil, err
	}
	return here, to.mustHaveMedia(ctx)
}

func sameCounts(there, here []Copied) error {
	if len(there) != len(here) {
		return fmt.Errorf("%d tables were written, and %d are there", len(there), len(here))
	}
	for i, t := range there {
		if t.Table != here[i].Table || t.Rows != here[i].Rows {
			return fmt.Errorf("rows of table %s: %d, and %d were written", t.Table, t.Rows, here[i].Rows)
		}
	}
	return nil
}

// writeRows copies a database of PostgreSQL, row by row, and compares. The file has this program's
// schema, so the rows must have it, too.
func writeRows(ctx context.Context, from *copySide, part string, tell func(Progress)) (_ []Copied, err error) {
	err = migrations.CheckVersion(from.schema)
	if older, ok := errors.AsType[*migrations.OlderError](err); ok {
		return nil, fmt.Errorf("the database's schema has version %d, this program works with version %d: make the backup with the program that works on it, or with pg_dump",
			older.Found, older.Known)
	}
	if err != nil {
		return nil, err
	}
	to, err := openTarget(ctx, part)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	tables, err := (&transfer{from: from, to: to, tell: tell, batch: copyRows}).run(ctx)
	if err != nil {
		return nil, err
	}
	return tables, to.mustHaveMedia(ctx)
}

// publish gives the file its name once it is on the disk.
func (b *Backup) publish(part string) error {
	if err := syncFile(part); err != nil {
		return err
	}
	if err := b.rename(part); err != nil {
		return err
	}
	return syncFile(filepath.Dir(b.To))
}

// rename overwrites nothing that came meanwhile, unless it is told to. What lies beside a former
// database of that name must not be taken for a part of this one.
func (b *Backup) rename(part string) error {
	if b.Force {
		if err := removeBeside(b.To); err != nil {
			return err
		}
		return os.Rename(part, b.To)
	}
	if err := b.mayWrite(); err != nil {
		return err
	}
	err := os.Link(part, b.To)
	switch {
	case err == nil:
		return os.Remove(part)
	case errors.Is(err, fs.ErrExist):
		return b.mayWrite()
	}
	return os.Rename(part, b.To) // the file system knows no links
}

func syncFile(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// partialLock keeps other backups away from a partial file until it has its name: what was verified
// must be what gets it. It is a lock on a file beside: some systems do not tell such a lock from
// SQLite's own, which besides go when any descriptor of their file is closed.
type partialLock struct{ *os.File }

// lockPartial fails while another backup writes the file. A process that is killed lets go.
func lockPartial(part string) (partialLock, error) {
	for {
		f, err := os.OpenFile(part+"-lock", os.O_RDONLY|os.O_CREATE, 0o600)
		if err != nil {
			return partialLock{}, err
		}
		switch err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); {
		case errors.Is(err, syscall.EWOULDBLOCK):
			return partialLock{}, errors.Join(fmt.Errorf("another backup is writing %s: wait for it, or name another file: %w", part, bus.ErrUnavailable), f.Close())
		case err != nil:
			return partialLock{}, errors.Join(&os.PathError{Op: "lock", Path: f.Name(), Err: err}, f.Close())
		}
		if isNamed(f) {
			return partialLock{f}, nil
		}
		_ = f.Close() // its holder removed it meanwhile, and nobody else finds it
	}
}

// isNamed reports whether a file has the name that it was opened by.
func isNamed(f *os.File) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(here, there)
}

func (l partialLock) release() error { return errors.Join(os.Remove(l.Name()), l.Close()) }

// removeDatabase removes a file of SQLite, if there is one.
func removeDatabase(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return removeBeside(path)
}

func removeBeside(path string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
