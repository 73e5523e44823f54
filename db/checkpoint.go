package db

import (
	"context"
	"database/sql/driver"
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
		if c.work() != nil {
			c.disconnect() // those who commit make up for it, and know what to say
		}
		pause.Reset(checkpointPause)
	}
}

func (c *checkpointer) disconnect() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// work writes what there is, if that is worth it.
func (c *checkpointer) work() error {
	if c.conn == nil {
		conn, err := (&sqlite3.SQLiteDriver{}).Open(c.location.writer(c.config))
		if err != nil {
			return err
		}
		c.conn = conn.(*sqlite3.SQLiteConn)
	}
	pages, done, err := checkpoint(c.conn, "NOOP")
	if err == nil && pages-done >= checkpointPages {
		_, _, err = checkpoint(c.conn, "PASSIVE")
	}
	return err
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
