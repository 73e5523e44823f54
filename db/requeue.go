package db

import (
	"database/sql/driver"

	"atommq/bus"
)

// requeue sends a dead letter back to the one queue that it came from, with the ack of it.
func (c *commit) requeue(op *bus.Op) (rule, err error) {
	held, err := c.holds(&op.Settle[0])
	if err != nil {
		return nil, err
	}
	if room, err := c.roomForQueues(op.Posts); err != nil || held && !room {
		return bus.ErrManyQueues, err
	}
	at := op.At.UnixMicro()
	if err := c.settle(op.Settle, at); err != nil || !held {
		return nil, err
	}
	return nil, c.offerBack(op, at)
}

// offerBack gives the queue that the posting of op names the work on it.
func (c *commit) offerBack(op *bus.Op, at int64) error {
	p := &op.Posts[0]
	if err := c.needQueue(p, at); err != nil {
		return err
	}
	original, err := c.entryAgain(p.Entry.Feed, op.Again)
	if err != nil {
		return err
	}
	if original != nil {
		c.outcomes = append(c.outcomes, func() { p.Entry, p.Replayed = original, true })
		return c.offerAgain(p, original, op.Settle[0].ID)
	}
	r := row{entry: p.Entry, id: c.take(), at: at}
	c.rows = append(c.rows, r)
	if err := c.shareMedia(&op.Settle[0], p.Entry, at); err != nil {
		return err
	}
	c.feeds.add(p.Entry.Feed, change{at: at, id: r.id, entries: 1, bytes: int64(len(p.Entry.XML)), born: born(p)})
	return c.offerTo(p, work{id: r.id, bytes: int64(len(p.Entry.XML))})
}

const (
	selectAt    = "SELECT " + entryColumns + " FROM atommq_entry WHERE id = ? AND +feed = ? AND deleted = 0"
	selectNamed = "SELECT " + entryColumns + " FROM atommq_entry WHERE uuid = ? AND +feed = ? AND deleted = 0"
)

// entryAgain returns the live entry of feed that again names, nil for none.
func (c *commit) entryAgain(feed string, again bus.Again) (e *bus.Entry, err error) {
	query, args := selectAt, number([]driver.Value{again.ID, feed})
	if again.UUID != "" {
		query, args = selectNamed, number([]driver.Value{again.UUID, feed})
	}
	err = c.writer.query(query, args, func(v []driver.Value) { e = entryOf(v) })
	return e, err
}

// offerTo makes w work for the queue that p names, and no other.
func (c *commit) offerTo(p *bus.Posting, w work) error {
	queues, err := c.queuesOf(p.Entry.Feed)
	for _, q := range queues {
		if q.name == p.Queue {
			w.queue, w.rank, w.ackTimeout, w.expires = q.id, int64(p.Rank), p.AckTimeout.Microseconds(), micros(p.Expires, 0)
			c.works = append(c.works, w)
			c.writeFirst = true // it may be of an entry that another queue's ack, else, would take for one that nobody wants
			c.roster.counts.add(q.id, 1)
		}
	}
	return err
}

const selectWork = "SELECT rank FROM atommq_ready WHERE queue = ?1 AND " + everyRank + " AND id = ?2 UNION ALL" +
	" SELECT rank FROM atommq_claim WHERE " + everyNode + " AND queue = ?1 AND " + everyRank + " AND id = ?2"

// offerAgain does so for an entry that is there already, in a new round, unless the queue has it.
// In all queues of a feed an entry has one rank.
func (c *commit) offerAgain(p *bus.Posting, original *bus.Entry, round int64) error {
	if err := c.flush(); err != nil { // what came before may have made it
		return err
	}
	queues, err := c.queuesOf(p.Entry.Feed)
	if err != nil {
		return err
	}
	again := *p
	for _, q := range queues {
		has := false
		err := c.writer.query(selectWork, number([]driver.Value{q.id, original.ID}), func(v []driver.Value) {
			has, again.Rank = true, uint8(v[0].(int64))
		})
		if err != nil || has && q.name == p.Queue {
			return err
		}
	}
	return c.offerTo(&again, work{id: original.ID, attempts: attempts(&bus.Claim{Round: round}), bytes: int64(len(original.XML))})
}
