package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"atommq/bus"
)

// commit is one commit on its way. It is kept from one to the next for the
// memory it holds.
type commit struct {
	writer *writer

	mu         sync.Mutex
	assumed    assumption
	counting   bool  // the counter of ids is locked
	read       bool  // it is known what it says
	stirs      int64 // that it counts
	first      int64 // the id it gave first
	next       int64 // the id to give next
	rows       []row // published in this commit
	written    int   // how many of rows are in the table
	works      []work
	ordered    int  // how many of works are in the table's order
	writeFirst bool // some of works cannot be claimed before they are written
	verdicts   []verdict
	settled    int   // how many of verdicts are carried out
	leasing    bool  // one of the others makes a lease
	dirty      bool  // something was written beside rows
	stirring   bool  // atommq_log.stirs changes
	living     int64 // a node that is known to be, 0 for none
	feeds      tally
	roster     roster
	keys       keyring
	args       []driver.NamedValue
	arrays     arrays
	feedArrays arrays
	xml        []byte // of a statement's entries, each with xmlEnd behind it
	idArray    array
	took       bool    // work from a queue, so that others may wait for this commit
	passed     []int64 // queues in which others were taking what is left
	overlooked overlooked
	leavers    leavers
	lost       []*bus.Settlement // of leases, without effect
	ids        []int64           // for its memory
	outcomes   []func()          // what to tell the ops once all is on disk
	shift      shift
	mark       mark
	known      horizon
}

// Commit implements bus.Log.
func (s *Store) Commit(ctx context.Context, pieces iter.Seq[[]*bus.Op]) error {
	c := &s.commit
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.reset()
	pieces, done := s.writer.repeatable(pieces)
	defer done()
	again := false
	err := s.writer.transact(ctx, transaction{
		work: func() error {
			c.reset() // of an attempt before
			if again {
				c.assumed.forget()
			}
			again = true
			return c.run(pieces)
		},
		done: c.carriedOut,
	})
	if err != nil {
		return fmt.Errorf("write to the log: %w", translate(ctx, err))
	}
	c.assumed.learn(c)
	if c.dirty || c.published() {
		c.known.count.Store(c.mark.count)
	}
	c.tell()
	return nil
}

// reset forgets the commit but not its memory.
func (c *commit) reset() {
	clear(c.rows)
	clear(c.args)
	clear(c.verdicts)
	clear(c.lost)
	clear(c.outcomes)
	c.rows, c.works, c.verdicts, c.args, c.outcomes = c.rows[:0], c.works[:0], c.verdicts[:0], c.args[:0], c.outcomes[:0]
	c.written, c.settled, c.dirty, c.stirring, c.living = 0, 0, false, false, 0
	c.counting, c.read, c.first, c.next = false, false, 0, 0
	c.ordered, c.writeFirst = 0, false
	c.leasing, c.took, c.passed, c.lost = false, false, c.passed[:0], c.lost[:0]
	c.shift = shift{}
	c.mark.count++
	c.feeds.reset()
	c.roster.reset()
	c.leavers.reset()
	c.keys.reset()
}

// run does all of a commit that happens inside the transaction.
func (c *commit) run(pieces iter.Seq[[]*bus.Op]) error {
	for ops := range pieces {
		if err := c.write(ops); err != nil {
			return err
		}
	}
	if c.plain() {
		if done, err := c.publishPlainly(); done || err != nil {
			return err
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	changed := c.dirty || c.published()
	if changed {
		if err := c.finish(); err != nil {
			return err
		}
	}
	if err := c.answerReplays(); err != nil {
		return err
	}
	if !changed {
		return errUnchanged
	}
	return c.leaveMark()
}

// needsCounter reports whether a commit with op among its ops needs the counter before it does
// anything. What gives work back counts a stir in the end, and must not have locked claims by then
// that somebody wants who has the counter. What makes a lease of a claim takes it from its node: an
// edit that waits for that on PostgreSQL, and looks for the claims of all nodes, would then pass
// over it.
func needsCounter(op *bus.Op) bool {
	switch op.Kind {
	case bus.OpClaim:
		return false
	case bus.OpPublish:
		return len(op.Posts) > 0 || slices.ContainsFunc(op.Settle, movesClaim)
	}
	return true
}

func movesClaim(s bus.Settlement) bool {
	switch s.Verdict {
	case bus.Released, bus.Returned:
		return true
	case bus.Leased:
		return s.Node != bus.LeaseNode // whose leases are prolonged where they are
	case bus.Acked:
	}
	return false
}

// needsIDs reports whether what op does with ids is more than to store entries under them.
func needsIDs(op *bus.Op) bool {
	return op.Kind != bus.OpPublish && op.Kind != bus.OpClaim || op.Media != nil
}

// write does a piece of the ops.
func (c *commit) write(ops []*bus.Op) error {
	if slices.ContainsFunc(ops, needsCounter) {
		if err := c.count(); err != nil {
			return err
		}
	}
	if err := c.findKeys(ops); err != nil {
		return err
	}
	if err := c.findQueues(ops); err != nil {
		return err
	}
	if c.counting && !c.read {
		if err := c.writer.sync(); err != nil {
			return err
		}
		if !c.read {
			return errNoCounter
		}
	}
	if slices.ContainsFunc(ops, needsIDs) {
		if err := c.settleIDs(); err != nil {
			return err
		}
	}
	for _, op := range ops {
		rule, err := c.apply(op)
		if err != nil {
			return err
		}
		op.Err = rule
	}
	if c.writer.asArrays && len(c.rows)-c.written+len(c.verdicts)-c.settled < fullPiece {
		return nil
	}
	return c.flushAhead()
}

// fullPiece is how much may wait to be written with what the next pieces bring, where a statement
// takes any number of rows.
const fullPiece = 1000

// apply does one op. A rule that refuses it is not an error of the commit.
func (c *commit) apply(op *bus.Op) (rule, err error) {
	switch op.Kind {
	case bus.OpPublish:
		return c.publish(op)
	case bus.OpReplace, bus.OpRemove, bus.OpMedia:
		return c.edit(op)
	case bus.OpClaim:
		return c.claim(op)
	case bus.OpDrop:
		return c.drop(op)
	case bus.OpOpen:
		return c.open(op)
	case bus.OpPurge:
		return c.purge(op.Purge)
	case bus.OpDropQueue:
		return c.dropQueue(op.Purge)
	case bus.OpRequeue:
		return c.requeue(op)
	}
	return nil, fmt.Errorf("there is no op %d", op.Kind)
}

// flush writes what ops before left to be written together, for one that depends on it.
func (c *commit) flush() error {
	if err := c.insert(); err != nil {
		return err
	}
	if err := c.insertWork(); err != nil {
		return err
	}
	return c.settleClaims()
}

// flushAhead does so, but leaves work that may be claimed where it is.
func (c *commit) flushAhead() error {
	if c.writer.asArrays || c.writeFirst {
		return c.flush()
	}
	if err := c.insert(); err != nil {
		return err
	}
	return c.settleClaims()
}

// finish writes what the whole commit comes to.
func (c *commit) finish() error {
	if err := c.insertKeys(); err != nil {
		return err
	}
	if len(c.roster.stirred) > 0 {
		if err := c.count(); err != nil {
			return err
		}
	}
	if err := c.updateFeeds(); err != nil {
		return err
	}
	if err := c.stirQueues(); err != nil {
		return err
	}
	if err := c.updateQueues(); err != nil {
		return err
	}
	return c.writeCounter()
}

// tell tells the ops what was written.
func (c *commit) tell() {
	for i := range c.rows {
		c.rows[i].settle()
	}
	c.overlooked.add(c.passed)
	for _, v := range c.verdicts {
		v.Gone, v.Lost = false, false
	}
	for _, s := range c.leavers.gone {
		s.Gone = true
	}
	for _, s := range c.lost {
		s.Lost = true
	}
	for _, tell := range c.outcomes {
		tell()
	}
}

// micros returns t in microseconds since 1970, the unit of every time in the
// database, and or for no time.
func micros(t time.Time, or int64) int64 {
	if t.IsZero() {
		return or
	}
	return t.UnixMicro()
}

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
