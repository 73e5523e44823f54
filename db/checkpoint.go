package db

import (
	"context"
	"database/sql/driver"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"
)

const (
	// checkpointPages is how many pages in SQLite's write-ahead log are worth writing to the database.
	checkpointPages = 1000
	// checkpointAtMost is from how many pages on whoever commits does it, which he has to wait for:
	// the log begins anew only once all of it is in the database, and others always add to it while
	// the checkpointer works. The index of so many fits in one piece of shared memory.
	checkpointAtMost = 4000
	// checkpointSilence is how long one that fails again and again is not told of again.
	checkpointSilence = time.Minute
	// checkpointPause is how long the checkpointer leaves the log alone.
	checkpointPause = 20 * time.Millisecond
)

// checkpointer writes what is committed from the write-ahead log to the database, on a connection
// of its own. SQLite would do so in some of the commits, for which publishers then waited much
// longer than for the others.
type checkpointer struct {
	location location
	config   Config
	commits  chan struct{} // holds a token when there are new ones
	stop     context.CancelFunc
	ended    chan struct{}
	conn     *sqlite3.SQLiteConn // nil until used
	failed   atomic.Int64        // how often
	told     time.Time           // when the log was last told of that
	failing  bool                // the log was, and not yet of a success
}

func newCheckpointer(l location, cfg Config) *checkpointer {
	ctx, stop := context.WithCancel(context.Background())
	c := &checkpointer{location: l, config: cfg, commits: make(chan struct{}, 1), stop: stop, ended: make(chan struct{})}
	go c.run(ctx)
	return c
}

// committed says that there is something new. It does not block.
func (c *checkpointer) committed() {
	select {
	case c.commits <- struct{}{}:
	default:
	}
}

// close waits for a checkpoint under way.
func (c *checkpointer) close() {
	c.stop()
	<-c.ended
}

func (c *checkpointer) run(ctx context.Context) {
	defer close(c.ended)
	defer c.disconnect()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-c.commits:
		}
		written, err := c.work()
		if err != nil {
			c.disconnect()
		}
		c.report(written, err)
		pause.Reset(checkpointPause)
	}
}

func (c *checkpointer) disconnect() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// report tells of what fails. Those who commit do not: that works for as long as the log can grow.
func (c *checkpointer) report(written bool, err error) {
	switch {
	case isBusy(err):
	case err != nil:
		c.failed.Add(1)
		if time.Since(c.told) >= checkpointSilence {
			c.told, c.failing = time.Now(), true
			c.config.Log.Error("what is committed cannot be written to the database file; its log grows", "file", c.location.path, "error", err)
		}
	case written && c.failing:
		c.failing = false
		c.config.Log.Info("what is committed is written to the database file again", "file", c.location.path)
	}
}

// open connects to the file, and makes none should it be gone.
func (c *checkpointer) open() error {
	dsn := c.location.writer(c.config)
	if !c.location.params.Has("mode") {
		dsn += "&mode=rw"
	}
	conn, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err == nil {
		c.conn = conn.(*sqlite3.SQLiteConn)
	}
	return err
}

// work writes what there is, if that is worth it, and reports whether it did.
func (c *checkpointer) work() (written bool, err error) {
	if c.conn == nil {
		if err := c.open(); err != nil {
			return false, err
		}
	}
	pages, done, err := checkpoint(c.conn, "NOOP")
	if err != nil || pages-done < checkpointPages {
		return false, err
	}
	_, after, err := checkpoint(c.conn, "PASSIVE")
	return after > done, err // nothing is written, and no error, while one of those who commit is at it
}

// FailedCheckpoints returns how often this process could not write a file's log to the file; ok is
// false on a server, which has none.
func (s *Store) FailedCheckpoints() (n int64, ok bool) {
	w, ok := s.writer.engine.(*sqlite)
	if !ok {
		return 0, false
	}
	return w.checkpointer.failed.Load(), true
}

// checkpoint returns how many pages there are in the log, and how many of those in the database, too.
func checkpoint(conn *sqlite3.SQLiteConn, mode string) (pages, done int64, err error) {
	rows, err := conn.Query("PRAGMA wal_checkpoint("+mode+")", nil)
	if err != nil {
		return 0, 0, err
	}
	err = walk(rows, func(row []driver.Value) bool {
		pages, _ = row[1].(int64)
		done, _ = row[2].(int64)
		return true
	})
	return pages, done, err
}
