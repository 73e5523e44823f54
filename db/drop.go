package db

import (
	"database/sql/driver"

	"atommq/bus"
)

// dropFeed removes all that a feed has, its queues after their work. Its idempotency keys stay for their time: what was
// published under one is not published again because it is gone.
var dropFeed = []string{
	"DELETE FROM atommq_ready WHERE queue IN (SELECT id FROM atommq_queue WHERE feed = ?)",
	"DELETE FROM atommq_claim WHERE " + everyNode + " AND queue IN (SELECT id FROM atommq_queue WHERE feed = ?)",
	"DELETE FROM atommq_queue WHERE feed = ?",
	"DELETE FROM atommq_entry WHERE feed = ?",
	"DELETE FROM atommq_feed WHERE name = ?",
}

// drop removes a feed with all it has.
func (c *commit) drop(feed string) (rule, err error) {
	if err := c.flush(); err != nil {
		return nil, err
	}
	_, known := c.feeds.find(feed)
	err = c.writer.query(pruneFeed, number([]driver.Value{feed}), func([]driver.Value) { known = true })
	if err != nil || !known {
		return bus.ErrNoFeed, err
	}
	for _, query := range dropFeed {
		if err := c.writer.exec(query, feed); err != nil {
			return nil, err
		}
	}
	if err := c.writer.exec(countStir); err != nil { // as for a queue that is made
		return nil, err
	}
	c.dirty, c.stirring, c.traces.dropped = true, true, feed
	c.feeds.drop(feed)
	c.roster.forget(feed)
	return nil, nil
}
