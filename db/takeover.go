package db

import (
	"database/sql/driver"
	"sync"

	"atommq/bus"
)

// takeFront moves the first rows of queue ?1, at most ?2, to node ?3, and returns them; those that
// expired by ?4 it removes. The rows are found again by where they lie, whatever the planner thinks
// of the queue's length. Claims that are leases last for ?5 microseconds from ?4 on, unless their
// publisher asked otherwise; 0 is for others. Of those whose bytes are bounded, none is taken once
// the claims before pass ?6.
const (
	takeFront = `WITH moved AS (DELETE FROM atommq_ready WHERE ctid = ANY (ARRAY (
			SELECT ctid FROM atommq_ready WHERE queue = ?1 AND ` + isOpen + ` ORDER BY rank, id LIMIT ?2 FOR UPDATE`
	takeRest = `)) RETURNING rank, id, attempts, bytes, ack_timeout, expires),
		claimed AS (INSERT INTO atommq_claim (node, queue, rank, id, attempts, bytes, ack_timeout, expires, deadline)
			SELECT CAST(?3 AS BIGINT), ?1, rank, id, attempts + 1, bytes, ack_timeout, expires,
				CASE WHEN CAST(?5 AS BIGINT) = 0 THEN 0 WHEN ack_timeout > 0 THEN ?4 + ack_timeout ELSE ?4 + ?5 END
			FROM moved WHERE expires = 0 OR expires > ?4)
		SELECT rank, id, attempts, bytes, ack_timeout, expires FROM moved ORDER BY rank, id`
	takeUnlocked = takeFront + " SKIP LOCKED" + takeRest
	takeAll      = takeFront + takeRest

	takeBounded = `WITH front AS (SELECT ctid AS row, rank, id, bytes, expires FROM atommq_ready
			WHERE queue = ?1 AND ` + isOpen + ` ORDER BY rank, id LIMIT ?2 FOR UPDATE`
	takeBoundedRest = `), moved AS (DELETE FROM atommq_ready WHERE ctid = ANY (ARRAY (
			SELECT row FROM (SELECT row, sum(CASE WHEN expires = 0 OR expires > ?4 THEN bytes ELSE 0 END)
				OVER (ORDER BY rank, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM front) AS summed
			WHERE coalesce(before, 0) <= CAST(?6 AS BIGINT)` + takeRest
	takeUnlockedBounded = takeBounded + " SKIP LOCKED" + takeBoundedRest
	takeAllBounded      = takeBounded + takeBoundedRest
)

const isReady = "SELECT 1 FROM atommq_ready WHERE queue = ?1 AND " + isOpen + " LIMIT 1"

// takeWork hands out what waits at the front of a queue, where others do so too.
//
// What others are taking is passed over. When that leaves too little, they may be waited for,
// because nobody would tell of what they leave when their transaction fails. But only by those who
// have taken nothing, lest two wait for each other; the rest look again, soon.
func (c *commit) takeWork(o *bus.Order, at int64) (h harvest, err error) {
	if err := c.flush(); err != nil {
		return h, err
	}
	unlocked, all := takeUnlocked, takeAll
	if o.Bytes > 0 {
		unlocked, all = takeUnlockedBounded, takeAllBounded
	}
	if err := c.takeMore(unlocked, o, at, &h); err != nil {
		return h, err
	}
	if c.took = c.took || h.last.ID != 0; !h.wants(o) {
		return h, nil
	}
	if !c.took {
		err := c.takeMore(all, o, at, &h)
		c.took = h.last.ID != 0
		return h, err
	}
	err = c.writer.query(isReady, number([]driver.Value{o.Queue}), func([]driver.Value) { c.passed = append(c.passed, o.Queue) })
	return h, err
}

// takeMore takes work by query until h has what o asks for, or there is no more.
func (c *commit) takeMore(query string, o *bus.Order, at int64, h *harvest) error {
	for more := true; more && h.wants(o); {
		limit, seen := o.Count-len(h.claims), 0
		args := []driver.Value{o.Queue, int64(limit), o.Node, at, o.Lease.Microseconds()}
		if o.Bytes > 0 {
			args = append(args, o.Bytes-h.bytes)
		}
		err := c.writer.query(query, number(args), func(v []driver.Value) {
			seen++
			h.take(o, v, at)
		})
		if err != nil {
			return err
		}
		more = seen == limit
		c.dirty = c.dirty || seen > 0
	}
	return nil
}

// overlooked are queues in which a claim passed over what others were taking.
type overlooked struct {
	mu     sync.Mutex
	queues map[int64]bool
}

func (l *overlooked) add(queues []int64) {
	if len(queues) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queues == nil {
		l.queues = make(map[int64]bool)
	}
	for _, q := range queues {
		l.queues[q] = true
	}
}

// next returns at most limit of them, which have been looked for then.
func (l *overlooked) next(limit int) (queues []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for q := range l.queues {
		if len(queues) == limit {
			break
		}
		queues = append(queues, q)
		delete(l.queues, q)
	}
	return queues
}
