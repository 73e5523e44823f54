package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"iter"
	"sync"
	"time"

	"atommq/bus"
)

// commit is one commit on its way. It is kept from one to the next for the
// memory it holds.
type commit struct {
	writer *writer

	mu       sync.Mutex
	next     int64 // the id to give next
	rows     []row // published in this commit
	written  int   // how many of rows are in the table
	works    []work
	verdicts []verdict
	settled  int   // how many of verdicts are carried out
	dirty    bool  // something was written beside rows
	living   int64 // a node that is known to be, 0 for none
	feeds    tally
	roster   roster
	keys     keyring
	args     []driver.NamedValue
	leavers  leavers
	ids      []int64  // for its memory
	outcomes []func() // what to tell the ops once all is on disk
}

// Commit implements bus.Log.
func (s *Store) Commit(ctx context.Context, pieces iter.Seq[[]*bus.Op]) error {
	c := &s.commit
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.reset()
	err := s.writer.write(ctx, func() error { return c.run(pieces) })
	if err != nil {
		return fmt.Errorf("write to the log: %w", translate(ctx, err))
	}
	c.tell()
	return nil
}

// reset forgets the commit but not its memory.
func (c *commit) reset() {
	clear(c.rows)
	clear(c.args)
	clear(c.verdicts)
	clear(c.outcomes)
	c.rows, c.works, c.verdicts, c.args, c.outcomes = c.rows[:0], c.works[:0], c.verdicts[:0], c.args[:0], c.outcomes[:0]
	c.written, c.settled, c.dirty, c.living = 0, 0, false, 0
	c.feeds.reset()
	c.roster.reset()
	c.leavers.reset()
	c.keys.reset()
}

// run does all of a commit that happens inside the transaction.
func (c *commit) run(pieces iter.Seq[[]*bus.Op]) error {
	if err := c.begin(); err != nil {
		return err
	}
	first := c.next
	for ops := range pieces {
		if err := c.write(ops); err != nil {
			return err
		}
	}
	changed := c.dirty || c.next > first
	if changed {
		if err := c.finish(c.next > first); err != nil {
			return err
		}
	}
	if err := c.answerReplays(); err != nil {
		return err
	}
	if !changed {
		return errUnchanged
	}
	return nil
}

// begin reads the counter. Nobody else can until the transaction ends, so ids
// appear in the order they are taken.
func (c *commit) begin() error {
	return c.writer.query("SELECT last_id FROM atommq_log", nil, func(v []driver.Value) {
		c.next = v[0].(int64) + 1
	})
}

// write does a piece of the ops.
func (c *commit) write(ops []*bus.Op) error {
	if err := c.findKeys(ops); err != nil {
		return err
	}
	if err := c.findQueues(ops); err != nil {
		return err
	}
	for _, op := range ops {
		var err error
		if op.Err, err = c.apply(op); err != nil {
			return err
		}
	}
	return c.flush()
}

// apply does one op. A rule that refuses it is not an error of the commit.
func (c *commit) apply(op *bus.Op) (rule, err error) {
	switch op.Kind {
	case bus.OpPublish:
		return c.publish(op)
	case bus.OpReplace, bus.OpRemove:
		return c.edit(op)
	case bus.OpClaim:
		return c.claim(op)
	case bus.OpDrop:
		return c.drop(op.Drop)
	case bus.OpOpen:
		return nil, c.open(op)
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

// finish writes what the whole commit comes to.
func (c *commit) finish(published bool) error {
	if err := c.insertKeys(); err != nil {
		return err
	}
	if err := c.updateFeeds(); err != nil {
		return err
	}
	if err := c.stirQueues(); err != nil {
		return err
	}
	if err := c.updateQueues(); err != nil || !published {
		return err
	}
	return c.writer.exec("UPDATE atommq_log SET last_id = ?", c.next-1)
}

// take gives out the next id.
func (c *commit) take() int64 {
	id := c.next
	c.next++
	return id
}

// tell tells the ops what was written.
func (c *commit) tell() {
	for i := range c.rows {
		c.rows[i].settle()
	}
	for _, v := range c.verdicts {
		v.Gone = false
	}
	for _, s := range c.leavers.gone {
		s.Gone = true
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
