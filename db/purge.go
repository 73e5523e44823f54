package db

import (
	"database/sql/driver"
	"math"
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
	if rule, err := c.asSeen(p); rule != nil || err != nil {
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

// asSeen reports, as a rule, that the queue of p is not as it was seen, or that another number
// waits in it. Everything before has been flushed.
func (c *commit) asSeen(p *bus.Purge) (rule, err error) {
	if p.If != nil {
		now, err := c.writer.queueNow(p.If.Feed, p.If.Name)
		if err != nil {
			return nil, err
		}
		if now.ID != p.Queue || !now.IsAs(p.If) {
			return bus.ErrChanged, nil
		}
	}
	if p.Waiting == nil {
		return nil, nil
	}
	if n, known, err := c.waitingNow(p.Queue); err != nil || known && n == *p.Waiting {
		return nil, err
	}
	return bus.ErrCount, nil
}

const selectWaiting = "SELECT q.feed, " + waits + fromQueues + "WHERE q.id = ?"

// waitingNow counts what waits in a queue, with what this commit has added and taken so far. Nobody
// else adds to it before the commit ends, which has the counter.
func (c *commit) waitingNow(queue int64) (n int64, known bool, err error) {
	err = c.writer.query(selectWaiting, number([]driver.Value{queue}), func(v []driver.Value) {
		n, known = v[1].(int64)+c.feeds.offered(v[0].(string))+c.roster.counts.of(queue), true
	})
	return n, known, err
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
	"DELETE FROM atommq_ready WHERE queue = ?1 AND id <= ?2 RETURNING rank, id",
	"DELETE FROM atommq_claim WHERE " + everyNode + " AND queue = ?1 AND id <= ?2 RETURNING rank, id",
	"DELETE FROM atommq_ready WHERE queue = ?1 AND id <= ?2 RETURNING rank, id",
}

// selectLeft is one statement, so that it misses nothing that moves.
const selectLeft = "SELECT 1 FROM atommq_ready WHERE queue = ?1 UNION ALL SELECT 1 FROM atommq_claim WHERE " + everyNode + " AND queue = ?1 LIMIT 1"

// dropQueue removes a queue and its work, handed out or not, as if that were acked. It leaves the
// queue where there is work that p is not about.
func (c *commit) dropQueue(p *bus.Purge) (rule, err error) {
	if err := c.flush(); err != nil {
		return nil, err
	}
	o, err := c.owner(p.Queue)
	if err != nil {
		return nil, err
	}
	if o.feed == "" {
		return bus.ErrNoQueue, nil
	}
	if rule, err := c.asSeen(p); rule != nil || err != nil {
		return rule, err
	}
	found, err := c.dropWork(p)
	if err != nil {
		return nil, err
	}
	c.dirty = true
	for rank, ids := range found {
		if !o.untilAcked || len(ids) == 0 {
			continue
		}
		slices.Sort(ids)
		if _, err := c.removeUnwanted(o.feed, int64(rank), ids); err != nil {
			return nil, err
		}
	}
	return nil, c.dropEmpty(p.Queue, o.feed)
}

// dropWork removes the work that p is about.
func (c *commit) dropWork(p *bus.Purge) (found ranked, err error) {
	upTo := p.UpTo
	if upTo == 0 {
		upTo = math.MaxInt64
	}
	args := number([]driver.Value{p.Queue, upTo})
	for _, query := range dropQueueWork {
		if err := c.writer.query(query, args, found.row); err != nil {
			return found, err
		}
	}
	for _, ids := range found {
		c.roster.counts.add(p.Queue, -int64(len(ids)))
	}
	return found, nil
}

// dropEmpty removes a queue of feed, unless there is work in it.
func (c *commit) dropEmpty(queue int64, feed string) error {
	left := false
	args := number([]driver.Value{queue})
	if err := c.writer.query(selectLeft, args, func([]driver.Value) { left = true }); err != nil || left {
		return err
	}
	if err := c.writer.exec("DELETE FROM atommq_queue WHERE id = ?", queue); err != nil {
		return err
	}
	if err := c.writer.exec(countStir); err != nil { // as for a queue that is made
		return err
	}
	c.stirring = true
	c.roster.forget(feed)
	return nil
}
