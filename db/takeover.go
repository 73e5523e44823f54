package db

import (
	"database/sql/driver"

	"atommq/bus"
)

// takeFront moves the first rows of queue ?1, at most ?2, to node ?3, and returns them; those that expired by ?4 it removes. The
// rows are found again by where they lie, whatever the planner thinks of the queue's length.
const (
	takeFront = `WITH moved AS (DELETE FROM atommq_ready WHERE ctid = ANY (ARRAY (
			SELECT ctid FROM atommq_ready WHERE queue = ?1 ORDER BY rank, id LIMIT ?2 FOR UPDATE`
	takeRest = `)) RETURNING rank, id, attempts, bytes, ack_timeout, expires),
		claimed AS (INSERT INTO atommq_claim (node, queue, rank, id, attempts, bytes, ack_timeout, expires)
			SELECT CAST(?3 AS BIGINT), ?1, rank, id, attempts + 1, bytes, ack_timeout, expires FROM moved WHERE expires = 0 OR expires > ?4)
		SELECT rank, id, attempts, bytes, ack_timeout, expires FROM moved ORDER BY rank, id`
	takeUnlocked = takeFront + " SKIP LOCKED" + takeRest
	takeAll      = takeFront + takeRest
)

// takeWork hands out what waits at the front of a queue, where others do so too.
//
// What others are taking is passed over. When that leaves too little, they are waited for: what they leave, because their
// transaction failed, nobody would tell of.
func (c *commit) takeWork(o *bus.Order, at int64) (h harvest, err error) {
	for _, query := range []string{takeUnlocked, takeAll} {
		for more := true; more && h.wants(o); {
			limit, seen := o.Count-len(h.claims), 0
			args := number([]driver.Value{o.Queue, int64(limit), o.Node, at})
			err := c.writer.query(query, args, func(v []driver.Value) {
				seen++
				h.take(o, v, at)
			})
			if err != nil {
				return h, err
			}
			more = seen == limit
		}
	}
	c.dirty = c.dirty || len(h.claims)+len(h.expired) > 0
	return h, nil
}
