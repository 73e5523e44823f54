package db

import (
	"database/sql/driver"

	"atommq/bus"
)

// dropFeed removes all that a feed has, its queues after their work. Its idempotency keys stay for
// their time: what was published under one is not published again because it is gone.
var dropFeed = []string{
	"DELETE FROM atommq_ready WHERE queue IN (SELECT id FROM atommq_queue WHERE feed = ?)",
	"DELETE FROM atommq_claim WHERE " + everyNode + " AND queue IN (SELECT id FROM atommq_queue WHERE feed = ?)",
	"DELETE FROM atommq_queue WHERE feed = ?",
	"DELETE FROM atommq_entry WHERE feed = ?",
	"DELETE FROM atommq_draft WHERE feed = ?",
	"DELETE FROM atommq_setting WHERE feed = ?",
	"DELETE FROM atommq_feed WHERE name = ?",
}

// drop removes a feed with all it has. Its media go later, in small pieces.
func (c *commit) drop(op *bus.Op) (rule, err error) {
	feed := op.Drop
	if err := c.flush(); err != nil {
		return nil, err
	}
	var last int64
	i, known := c.feeds.find(feed)
	if known {
		last = c.feeds.changes[i].id
	}
	err = c.writer.query(pruneFeed, number([]driver.Value{feed}), func(v []driver.Value) {
		last, known = max(last, v[0].(int64)), true
	})
	switch {
	case err != nil || !known:
		return bus.ErrNoFeed, err
	case op.IfID != 0 && op.IfID != last:
		return bus.ErrChanged, nil
	}
	if err := c.writer.exec(releaseFeedMedia, op.At.UnixMicro(), feed); err != nil {
		return nil, err
	}
	if err := c.writer.raise(); err != nil {
		return nil, err
	}
	for _, query := range dropFeed {
		if err := c.writer.exec(query, feed); err != nil {
			return nil, err
		}
	}
	if err := c.writer.exec(countStir); err != nil { // as for a queue that is made
		return nil, err
	}
	c.dirty, c.stirring = true, true
	c.feeds.drop(feed)
	c.roster.forget(feed)
	return nil, nil
}
