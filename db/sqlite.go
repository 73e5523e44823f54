package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"

	"atommq/bus"
)

// sqlite is the engine of a SQLite file: it owns the one connection that writes. It speaks to the
// driver without database/sql, which checks, converts and copies each of a row's values: with as
// many values as a commit has, that is a large part of its time.
type sqlite struct {
	location location
	config   Config

	checkpointer *checkpointer // from when it is prepared

	mu    sync.Mutex
	file  identity            // of the database, from when it is opened
	log   identity            // of its log, while conn is there and has written
	real  string              // the file that symbolic links lead to, beside which its log lies
	conn  *sqlite3.SQLiteConn // nil until used, and after it failed to roll back
	stmts map[string]*sqlite3.SQLiteStmt
	opens int64 // how often conn was opened
}

// prepare opens the connection and sets what the file itself remembers.
func (w *sqlite) prepare(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var mode string
	err := w.wait(ctx, func() error {
		if err := w.connect(); err != nil {
			return err
		}
		if err := w.checkOwn(); err != nil {
			return err
		}
		if err := w.checkMade(); err != nil {
			return err
		}
		return w.query("PRAGMA journal_mode = WAL", nil, func(v []driver.Value) { mode, _ = v[0].(string) })
	})
	if err == nil && mode != "wal" {
		return fmt.Errorf("SQLite cannot keep its write-ahead log there: put the database on a local disk: %w", bus.ErrUnavailable)
	}
	if err != nil {
		_ = w.disconnect() // what was wrong is said
		return err
	}
	w.checkpointer = newCheckpointer(w.location, w.config)
	return nil
}

// checkOwn does as CheckOwn, before anything is set in the file. Callers hold w.mu.
func (w *sqlite) checkOwn() (err error) {
	queried := w.query(selectForeign, nil, func(v []driver.Value) {
		err = fmt.Errorf("%w, with a table %q", ErrForeign, v[0])
	})
	return errors.Join(queried, err)
}

// checkMade refuses a file in which no bus was made, where one must be. Callers hold w.mu.
func (w *sqlite) checkMade() error {
	made := !w.config.Existing
	err := w.query("SELECT 1 FROM sqlite_master WHERE name = '"+schemaTable+"'", nil, func([]driver.Value) { made = true })
	if err == nil && !made {
		return ErrNoBus
	}
	return err
}

// connect opens the connection if it is not. Callers hold w.mu.
func (w *sqlite) connect() error {
	if w.conn != nil {
		return nil
	}
	if err := w.checkFile(); err != nil { // or SQLite would make one
		return err
	}
	conn, err := (&sqlite3.SQLiteDriver{}).Open(w.location.writer(w.config))
	if err != nil {
		return err
	}
	w.conn = conn.(*sqlite3.SQLiteConn)
	w.opens++
	w.stmts = make(map[string]*sqlite3.SQLiteStmt)
	if _, err := w.conn.Exec("PRAGMA wal_autocheckpoint = "+strconv.Itoa(checkpointAtMost), nil); err != nil {
		return errors.Join(err, w.disconnect())
	}
	if !w.file.known() {
		w.file, _ = identify(w.location.path)
		w.real = w.location.real()
	}
	return nil
}

// checkFile refuses to go on writing to a file that nobody finds any more: what is committed would
// be gone with the process. It looks each time.
func (w *sqlite) checkFile() error {
	if !w.file.known() {
		return nil
	}
	now, err := identify(w.location.path)
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && !now.is(w.file):
		return fmt.Errorf("%s was removed or replaced while it was in use: stop every server, put the file back with its -wal, and start again: %w", w.location.path, bus.ErrUnavailable)
	case err != nil:
		return fmt.Errorf("see whether the database file is still there: %w: %w", bus.ErrUnavailable, err)
	}
	return nil
}

// checkLog refuses likewise where nobody finds the log: whoever opens the file would make another
// one, and each would overwrite what the other committed.
func (w *sqlite) checkLog() error {
	if !w.log.known() {
		return nil
	}
	now, err := identify(w.logPath())
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && !now.is(w.log):
		return fmt.Errorf("%s was removed or replaced while it was in use: stop every server, but not with kill -9, so that it writes what was in it to the database, and start again: %w", w.logPath(), bus.ErrUnavailable)
	case err != nil:
		return fmt.Errorf("see whether the database's log is still there: %w: %w", bus.ErrUnavailable, err)
	}
	return nil
}

func (w *sqlite) logPath() string { return w.real + "-wal" }

func (w *sqlite) close() error {
	w.checkpointer.close()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.disconnect()
}

// disconnect closes the connection. Its statements go first: a connection that has any
// lives on, and keeps its transaction. Callers hold w.mu.
func (w *sqlite) disconnect() error {
	if w.conn == nil {
		return nil
	}
	for _, s := range w.stmts {
		_ = s.Close() // it reports the last execution's error again
	}
	err := w.conn.Close()
	w.conn, w.stmts, w.log = nil, nil, identity{} // the last one to close a file removes its log
	return err
}

// transact implements engine. ctx bounds the wait for the right to write; once that
// is had, the transaction is carried through.
func (w *sqlite) transact(ctx context.Context, t transaction) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := w.wait(ctx, w.begin); err != nil {
		return err
	}
	err := t.work()
	if err == nil {
		err = unsynced(w.exec("COMMIT"))
	}
	if err == nil {
		w.checkpointer.committed()
	} else {
		w.rollback()
	}
	if isReadOnly(err) {
		_ = w.disconnect() // SQLite never again tries to write what it could not open for writing: the next one may be allowed to
	}
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// unsynced says so of a COMMIT that was written to the log, but not brought to the disk. To this
// and every other process it is undone; but one that finds the log as it is after a crash, before
// the next commit is written over it, takes it for done.
func unsynced(err error) error {
	if e, ok := errors.AsType[sqlite3.Error](err); ok && e.ExtendedCode == sqlite3.ErrIoErrFsync {
		return &doubtError{"the disk failed while committing", err}
	}
	return err
}

func (w *sqlite) begin() error {
	if err := w.connect(); err != nil {
		return err
	}
	if err := w.checkFile(); err != nil {
		return err
	}
	if err := w.checkLog(); err != nil {
		return err
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if !w.log.known() {
		w.log, _ = identify(w.logPath())
	}
	return nil
}

// rollback ends a failed transaction, if SQLite has not done so already. A
// connection that cannot even do this is given up.
func (w *sqlite) rollback() {
	if w.conn.AutoCommit() {
		return
	}
	if err := w.exec("ROLLBACK"); err != nil && !w.conn.AutoCommit() {
		_ = w.disconnect() // there is nothing more to give up
	}
}

// wait repeats try while another process is writing, until the timeout. SQLite's own
// wait ends up at ten tries a second, which loses every race against a
// process that commits thousands of times a second, and it heeds no context.
func (w *sqlite) wait(ctx context.Context, try func() error) error {
	err := try()
	if !isBusy(err) {
		return err
	}
	deadline := time.Now().Add(w.config.BusyTimeout)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for isBusy(err) && time.Now().Before(deadline) {
		timer.Reset(200*time.Microsecond + rand.N(time.Millisecond))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		err = try()
	}
	return err
}

// statement returns the prepared form of query. The texts are few: a text for many
// rows comes in powers of two.
func (w *sqlite) statement(query string) (*sqlite3.SQLiteStmt, error) {
	if s := w.stmts[query]; s != nil {
		return s, nil
	}
	s, err := w.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	w.stmts[query] = s.(*sqlite3.SQLiteStmt)
	return w.stmts[query], nil
}

// exec runs a statement without parameters.
func (w *sqlite) exec(query string) error {
	_, err := w.changeNumbered(query, nil)
	return err
}

// changeNumbered implements statements.
func (w *sqlite) changeNumbered(query string, args []driver.NamedValue) (rows int64, err error) {
	s, err := w.statement(query)
	if err != nil {
		return 0, err
	}
	// A context that can be cancelled would cost a goroutine for each statement.
	result, err := s.ExecContext(context.Background(), args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// later implements statements: at once.
func (w *sqlite) later(query string, args []driver.NamedValue, row func(v []driver.Value)) error {
	if row != nil {
		return w.query(query, args, row)
	}
	_, err := w.changeNumbered(query, args)
	return err
}

// sync implements statements.
func (w *sqlite) sync() error { return nil }

// query implements statements.
func (w *sqlite) query(query string, args []driver.NamedValue, row func(v []driver.Value)) error {
	s, err := w.statement(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), args)
	if err != nil {
		return err
	}
	return walk(rows, all(row))
}
