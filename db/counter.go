package db

import (
	"database/sql/driver"
	"fmt"

	"atommq/bus"
)

// newestID, of atommq_log, is the newest id of all. In a file, where nobody else writes at the same
// time, the newest entry tells it as well as the counter does: that is raised before entries are
// removed, and most commits are spared its page. On a server the counter always has it, and FALSE,
// which only PostgreSQL is told, spares the look at the entries.
const (
	newestID    = "CASE WHEN /* FALSE AND */ " + newestEntry + " > last_id THEN " + newestEntry + " ELSE last_id END"
	newestEntry = "(SELECT max(id) FROM atommq_entry)"

	readCounter  = "SELECT " + newestID + ", stirs FROM atommq_log /* FOR UPDATE */"
	raiseCounter = "UPDATE atommq_log SET last_id = " + newestEntry + " WHERE last_id < " + newestEntry
)

// count locks the counter of ids and reads it, as later does. Nobody else can until the transaction
// ends, so ids appear in the order they are taken. Beside that it has all commits that change more
// than claims wait for each other, so that they find no half of another's. Commits that only claim
// and settle need not.
func (c *commit) count() error {
	if c.counting {
		return nil
	}
	c.counting = true
	if c.assumed.sure && c.writer.asArrays {
		return c.assume()
	}
	return c.writer.later(readCounter, nil, func(v []driver.Value) {
		last, stirs := c.known.above(v[0].(int64), c.known.id.Load()), v[1].(int64)
		c.assumed.check(last, stirs)
		c.counter(last, stirs)
	})
}

// errNoCounter says that somebody has removed the counter, as with all rows of all tables. What got an
// id without it would be found by nobody.
var errNoCounter = fmt.Errorf("%w: atommq_log has lost its row, without which nothing can be published: restore the database from a backup, or begin with a new one", bus.ErrUnavailable)

// counter takes what the counter says.
func (c *commit) counter(last, stirs int64) {
	c.read, c.stirs = true, stirs
	c.first = last + 1
	c.next = c.first
}

// take gives out the next id.
func (c *commit) take() int64 {
	id := c.next
	c.next++
	return id
}

// published reports whether the commit gave out ids.
func (c *commit) published() bool { return c.next > c.first }

// writeCounter has the counter count what was published, unless entries tell.
func (c *commit) writeCounter() error {
	if c.writer.counterLags || !c.published() {
		return nil
	}
	return c.writer.exec("UPDATE atommq_log SET last_id = ?", c.own(c.next-1))
}

// raise has the counter count the entries, of which some are about to be removed for good.
func (w *writer) raise() error {
	if !w.counterLags {
		return nil
	}
	return w.exec(raiseCounter)
}

// exclude locks the counter for a transaction that is not a commit.
func (w *writer) exclude() error { return w.query(readCounter, nil, func([]driver.Value) {}) }
