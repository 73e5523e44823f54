package db

import (
	"context"
	"database/sql/driver"
	"errors"
)

// writer is what the store's transactions are written with, in whichever database.
type writer struct {
	engine
	// asArrays says that many rows are inserted as one array for each column, which PostgreSQL
	// takes in one statement; SQLite has no arrays, and takes a statement for up to 64 rows.
	asArrays bool
	// skipsLocked says that others claim at the same time, from the same queue perhaps.
	skipsLocked bool
	// counterLags says that the counter of ids need not count entries that are there.
	counterLags bool
	// repeats says that a transaction may be run again.
	repeats bool
	// whole has a statement be the whole transaction under way, and reports false where part of that was
	// sent already, or more put off than to take ownLock and the counter, which the statement does
	// itself. It is nil in a file, where no statement goes a long way.
	whole   func(query string, args []driver.NamedValue, row func(v []driver.Value)) bool
	ownLock int64
	mark    mark // of transactions that are no commits
}

// engine runs transactions that write, one at a time.
type engine interface {
	statements
	// transact runs a transaction: committed and on disk when it returns nil, otherwise undone,
	// unless the error says that nobody knows. It may run the work again from its beginning, after
	// undoing it, where the database asks for that.
	transact(ctx context.Context, t transaction) error
	// watch is Watch of bus.Notifier.
	watch(ctx context.Context, changed func()) error
	close() error
}

// statements runs statements in the transaction under way. args name parameters by their ordinal;
// the others are NULL. Values are int64, bool, string, []byte, arrayText or nil.
//
// The texts are written once, for both databases. What stands between comment marks is for
// PostgreSQL, where others write at the same time, and the rows of a decision must be locked;
// SQLite has one writer.
type statements interface {
	// later runs query before any other statement that follows, at the latest with the end of the
	// transaction; its errors come then, and row, nil for none, is called as query does.
	later(query string, args []driver.NamedValue, row func(v []driver.Value)) error
	// sync returns once everything that later put off is done.
	sync() error
	// changeNumbered runs query and returns how many rows it changed.
	changeNumbered(query string, args []driver.NamedValue) (rows int64, err error)
	// query runs query and calls row with the values of each row it returns, which are valid during the call.
	query(query string, args []driver.NamedValue, row func(v []driver.Value)) error
}

// transaction is what is done in one.
type transaction struct {
	work func() error
	// done finds out, in a transaction of its own, whether work was done of which nobody knows.
	done func() (bool, error)
}

// write runs work in a transaction.
func (w *writer) write(ctx context.Context, work func() error) error {
	return w.transact(ctx, transaction{
		work: func() error {
			if err := work(); err != nil {
				return err
			}
			w.mark.count++
			return w.leave(&w.mark, int64(0))
		},
		done: func() (bool, error) {
			done, _, err := w.trace(&w.mark)
			return done, err
		},
	})
}

// errUnchanged ends a transaction that wrote nothing: it is rolled back, which
// spares the disk.
var errUnchanged = errors.New("nothing to write")

// exec runs query with args as its parameters from 1 on, as later does.
func (w *writer) exec(query string, args ...driver.Value) error {
	return w.execNumbered(query, number(args))
}

// change does so and returns how many rows query changed.
func (w *writer) change(query string, args ...driver.Value) (rows int64, err error) {
	return w.changeNumbered(query, number(args))
}

// execNumbered runs query with the parameters that args name by their
// ordinal, as later does; the others are NULL.
func (w *writer) execNumbered(query string, args []driver.NamedValue) error {
	return w.later(query, args, nil)
}

// number gives args the ordinals from 1.
func number(args []driver.Value) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, v := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return named
}
