package db

import (
	"database/sql/driver"
	"slices"

	"atommq/bus"
)

const selectPurge = `SELECT rank, id FROM atommq_ready WHERE queue = ?1 AND (rank, id) > (?2, ?3) AND id <= ?4
	ORDER BY rank, id LIMIT ?5 /* FOR UPDATE SKIP LOCKED */`

// purge removes work that nobody has.
func (c *commit) purge(p *bus.Purge) (rule, err error) {
	if err := c.flush(); err != nil {
		return nil, err
	}
	if rule, err := c.stillAs(p); rule != nil || err != nil {
		return rule, err
	}
	var found ranked
	removed, last := 0, p.After
	args := number([]driver.Value{p.Queue, int64(p.After.Rank), p.After.ID, p.UpTo, int64(p.Count)})
	err = c.writer.query(selectPurge, args, func(v []driver.Value) {
		found.row(v)
		removed++
		last = bus.Place{Rank: uint8(v[0].(int64)), ID: v[1].(int64)}
	})
	if err != nil {
		return nil, err
	}
	for rank, ids := range found {
		if err := c.purgeRank(p.Queue, int64(rank), ids); err != nil {
			return nil, err
		}
	}
	c.outcomes = append(c.outcomes, func() { p.Removed, p.Last = removed, last })
	return nil, nil
}

// stillAs reports, as a rule, that the queue of p is not as it was seen.
func (c *commit) stillAs(p *bus.Purge) (rule, err error) {
	if p.If == nil {
		return nil, nil
	}
	now, err := c.writer.queueNow(p.If.Feed, p.If.Name)
	if err != nil || now.ID == p.Queue && now.IsAs(p.If) {
		return nil, err
	}
	return bus.ErrChanged, nil
}

var deleteReadyByID = makeByID(2, "DELETE FROM atommq_ready WHERE queue = ?1 AND rank = ?2 AND ", "")

// purgeRank removes the ready work of one rank with ids, as if it were acked.
func (c *commit) purgeRank(queue, rank int64, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	c.dirty = true
	c.roster.counts.add(queue, -int64(len(ids)))
	for left := ids; len(left) > 0; {
		n := cut(left)
		c.args = c.args[:0]
		c.bind(1, queue)
		c.bind(2, rank)
		if err := c.writer.execNumbered(c.bindIDs(deleteReadyByID, left[:n]), c.args); err != nil {
			return err
		}
		left = left[n:]
	}
	o, err := c.owner(queue)
	if err != nil || !o.untilAcked {
		return err
	}
	_, err = c.removeUnwanted(o.feed, rank, ids)
	return err
}

// dropQueueWork removes the work of a queue. What is handed out or released meanwhile, on a server,
// moves from one table to the other.
var dropQueueWork = []string{
	"DELETE FROM atommq_ready WHERE queue = ? RETURNING rank, id",
	"DELETE FROM atommq_claim WHERE " + everyNode + " AND queue = ? RETURNING rank, id",
	"DELETE FROM atommq_ready WHERE queue = ? RETURNING rank, id",
}

// dropQueue removes a queue and all its work, handed out or not, as if that were acked.
func (c *commit) dropQueue(p *bus.Purge) (rule, err error) {
	if err := c.flush(); err != nil {
		return nil, err
	}
	queue := p.Queue
	o, err := c.owner(queue)
	if err != nil {
		return nil, err
	}
	if o.feed == "" {
		return bus.ErrNoQueue, nil
	}
	if rule, err := c.stillAs(p); rule != nil || err != nil {
		return rule, err
	}
	var found ranked
	args := number([]driver.Value{queue})
	for _, query := range dropQueueWork {
		if err := c.writer.query(query, args, found.row); err != nil {
			return nil, err
		}
	}
	if err := c.writer.exec("DELETE FROM atommq_queue WHERE id = ?", queue); err != nil {
		return nil, err
	}
	if err := c.writer.exec(countStir); err != nil { // as for a queue that is made
		return nil, err
	}
	c.dirty, c.stirring = true, true
	c.roster.forget(o.feed)
	for rank, ids := range found {
		if !o.untilAcked || len(ids) == 0 {
			continue
		}
		slices.Sort(ids)
		if _, err := c.removeUnwanted(o.feed, int64(rank), ids); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
