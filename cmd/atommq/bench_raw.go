package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"atommq/db"
)

// rawTable writes rows with nothing around them: no feeds, no ids taken from a
// counter, no callers to answer. It is as fast as the database goes
// through its driver, with the settings that package db uses.
type rawTable struct {
	rawConn
	next int64
	xml  string
}

// rawConn is a connection to a database with AtomMQ's tables.
type rawConn interface {
	// begin begins a transaction.
	begin() error
	// exec runs a statement. Parameters are written as question marks.
	exec(sql string, args ...driver.Value) error
	// insertEntries inserts n entries with ids above after.
	insertEntries(after int64, n int, xml string) error
	// insertWorks inserts the work of one queue for each of n entries with ids above after.
	insertWorks(after int64, n int) error
	close() error
}

var (
	_ rawConn = (*rawFile)(nil)
	_ rawConn = (*rawServer)(nil)
)

func openRaw(ctx context.Context, b *bench) (*rawTable, error) {
	name, err := b.database(ctx, "raw")
	if err != nil {
		return nil, err
	}
	store, err := db.Open(ctx, name, db.Config{}) // makes the tables
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	open := openRawFile
	if b.server != "" {
		open = openRawServer
	}
	conn, err := open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &rawTable{rawConn: conn, xml: string(benchEntry(benchEntryBytes).XML)}, nil
}

// inserts measures commits of so many rows each, in rows per second.
func (r *rawTable) inserts(batch int) measure {
	return func(ctx context.Context, d time.Duration) (float64, error) {
		return rate(ctx, d, 1, func(int) (int, error) { return batch, r.commit(batch) })
	}
}

// commit inserts n rows in one transaction.
func (r *rawTable) commit(n int) error {
	return r.transact(func() error { return r.insert(n) })
}

// transact does work in one transaction.
func (r *rawTable) transact(work func() error) error {
	if err := r.begin(); err != nil {
		return err
	}
	if err := work(); err != nil {
		return errors.Join(err, r.exec("ROLLBACK"))
	}
	return r.exec("COMMIT")
}

// insert inserts n entries.
func (r *rawTable) insert(n int) error {
	r.next += int64(n)
	return r.insertEntries(r.next-int64(n), n, r.xml)
}
