package db

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	"atommq/bus"
)

// doubtPatience is how long the outcome of a COMMIT is asked for, the answer to which was lost: about as long as a standby may take
// to take over.
const doubtPatience = 10 * time.Second

// doubtError says that a transaction may have been committed or not.
type doubtError struct{ err error }

func (e *doubtError) Error() string {
	return fmt.Sprintf("the connection was lost while committing, and whether that was done is not known: %v", e.err)
}

func (e *doubtError) Unwrap() error { return e.err }

// outcome is what became of a transaction, the answer to whose COMMIT was lost.
type outcome uint8

const (
	unknown outcome = iota
	carriedOut
	undone
)

// What asking for an outcome may come to, beside nil for a transaction that was carried out.
var (
	errUndone      = errors.New("the transaction was undone")
	errUntraceable = errors.New("the transaction left no trace, done or not")
)

// isRefusal reports whether a COMMIT that failed with err is undone for sure: the server said so, and did not die over it.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && e.Severity == "ERROR"
}

// traces are what tells afterwards whether a commit was carried out, beside the entries that it published: the first of each kind.
type traces struct {
	edited  []stamp
	made    bus.Claim
	removed bus.Claim
	dropped string // a feed
}

// stamp tells a version of an entry from all others.
type stamp struct {
	id     int64
	uuid   string
	edited int64
}

func (t *traces) reset() { *t = traces{edited: t.edited[:0]} }

// outcome finds out, in a transaction of its own, whether the commit was carried out whose state this is. It waits for that to end,
// should the server not know yet that its client is gone: by what it had locked.
func (c *commit) outcome() (outcome, error) {
	var last int64
	if err := c.writer.query(readCounter, nil, func(v []driver.Value) { last = v[0].(int64) }); err != nil {
		return unknown, err
	}
	if err := c.writer.lockNode(c.living); err != nil {
		return unknown, err
	}
	was, err := c.trace(last)
	if err != nil || was != carriedOut {
		return was, errors.Join(err, errUnchanged)
	}
	// Something must be written: so the answer comes once standbys that are waited for have it, and all before it.
	return was, c.writer.exec(touchLog)
}

// trace looks for what the commit wrote. last is the newest id of all.
func (c *commit) trace(last int64) (outcome, error) {
	switch {
	case c.next > c.first:
		return c.traceEntries(last)
	case c.traces.made.ID != 0:
		return c.traceClaim(c.traces.made, true)
	case c.traces.removed.ID != 0:
		return c.traceClaim(c.traces.removed, false)
	case c.traces.dropped != "":
		return c.traceDrop()
	}
	return undone, nil // what is left does no harm, done twice
}

const selectTaken = "SELECT id, uuid, edited FROM atommq_entry WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"

// traceEntries looks whether the ids that the commit took are its own. They may be nobody's: when those that had them have gone since.
func (c *commit) traceEntries(last int64) (was outcome, err error) {
	if last < c.first {
		return undone, nil
	}
	err = c.writer.query(selectTaken, number([]driver.Value{c.first, c.next}), func(v []driver.Value) {
		if was = undone; c.wrote(stamp{v[0].(int64), v[1].(string), v[2].(int64)}) {
			was = carriedOut
		}
	})
	return was, err
}

// wrote reports whether the commit gave an entry this version.
func (c *commit) wrote(s stamp) bool {
	return slices.Contains(c.traces.edited, s) || slices.ContainsFunc(c.rows, func(r row) bool { return s == stamp{r.id, r.entry.UUID, r.at} })
}

// traceClaim looks for a claim that the commit made, or else removed. A node that was struck out has none: that shows when the
// commit is run again.
func (c *commit) traceClaim(claim bus.Claim, made bool) (outcome, error) {
	held, live := false, false
	args := number([]driver.Value{claim.Node, claim.Queue, int64(claim.Rank), claim.ID, int64(claim.Attempt)})
	if err := c.writer.query(selectClaim, args, func([]driver.Value) { held = true }); err != nil {
		return unknown, err
	}
	err := c.writer.query(selectNode, number([]driver.Value{claim.Node}), func([]driver.Value) { live = true })
	switch {
	case err != nil || !made && !held && claim.Node == bus.LeaseNode:
		return unknown, err // any node may have ended the lease
	case live && held == made:
		return carriedOut, nil
	}
	return undone, nil
}

// traceDrop looks whether a feed is gone. One that is there may be another one of that name.
func (c *commit) traceDrop() (was outcome, err error) {
	was = carriedOut
	err = c.writer.query(pruneFeed, number([]driver.Value{c.traces.dropped}), func([]driver.Value) { was = unknown })
	return was, err
}
