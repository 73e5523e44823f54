package db

import (
	"database/sql/driver"

	"atommq/bus"
)

const (
	selectReady = `SELECT rank, id, attempts, bytes, ack_timeout, expires FROM atommq_ready
		WHERE queue = ?1 AND (rank, id) > (?2, ?3) AND ` + isOpen + ` ORDER BY rank, id LIMIT ?4`
	deleteExpired = "DELETE FROM atommq_ready WHERE queue = ? AND (rank, id) <= (?, ?) AND expires BETWEEN 1 AND ?"
	insertClaims  = `INSERT INTO atommq_claim (node, queue, rank, id, attempts, bytes, ack_timeout, expires)
		SELECT ?, queue, rank, id, attempts + 1, bytes, ack_timeout, expires
		FROM atommq_ready WHERE queue = ? AND (rank, id) <= (?, ?)`
	insertLeases = `INSERT INTO atommq_claim (node, queue, rank, id, attempts, bytes, ack_timeout, expires, deadline)
		SELECT ?1, queue, rank, id, attempts + 1, bytes, ack_timeout, expires, ?5 + CASE WHEN ack_timeout > 0 THEN ack_timeout ELSE ?6 END
		FROM atommq_ready WHERE queue = ?2 AND (rank, id) <= (?3, ?4)`
	deleteReady = "DELETE FROM atommq_ready WHERE queue = ? AND (rank, id) <= (?, ?)"
)

// isOpen lets nothing be found in a queue ?1 that is paused.
const isOpen = "(SELECT paused FROM atommq_queue WHERE id = ?1) = 0"

// expireLimit is how many expired rows one order removes, so that publishers wait little behind it.
const expireLimit = 2000

// harvest is what the front of a queue has for an order.
type harvest struct {
	claims  []bus.Claim
	expired []bus.Claim
	last    bus.Place // looked at
}

// claim hands out what waits at the front of a queue.
func (c *commit) claim(op *bus.Op) (rule, err error) {
	if live, err := c.lives(op.Order.Node); err != nil || !live {
		return bus.ErrClaimLost, err
	}
	if err := c.flush(); err != nil {
		return nil, err
	}
	harvest := c.harvest
	if c.writer.skipsLocked {
		harvest = c.takeWork
	}
	h, err := harvest(&op.Order, op.At.UnixMicro())
	if err != nil {
		return nil, err
	}
	if len(h.claims)+len(h.expired) == 0 {
		if known, err := c.isQueue(op.Order.Queue); err != nil || !known {
			return bus.ErrNoQueue, err
		}
	}
	if err := c.expire(&op.Order, h, op.At.UnixMicro()); err != nil {
		return nil, err
	}
	if err := c.handOut(op, h.claims); err != nil {
		return nil, err
	}
	c.outcomes = append(c.outcomes, func() {
		op.Order.Claims, op.Order.Expired, op.Order.More = h.claims, len(h.expired), len(h.expired) >= expireLimit
	})
	return nil, nil
}

// isQueue reports whether there is such a queue.
func (c *commit) isQueue(id int64) (known bool, err error) {
	err = c.writer.query("SELECT 1 FROM atommq_queue WHERE id = ?", number([]driver.Value{id}), func([]driver.Value) { known = true })
	return known, err
}

// harvest reads the front of a queue, past what expired by at, until it has what o asks for.
func (c *commit) harvest(o *bus.Order, at int64) (h harvest, err error) {
	for more := true; more && h.wants(o); {
		limit, seen := o.Count-len(h.claims)+min(len(h.expired), expireLimit), 0
		args := number([]driver.Value{o.Queue, int64(h.last.Rank), h.last.ID, int64(limit)})
		err := c.writer.query(selectReady, args, func(v []driver.Value) {
			seen++
			if len(h.claims) < o.Count {
				h.take(o, v, at)
			}
		})
		if err != nil {
			return h, err
		}
		more = seen == limit
	}
	return h, nil
}

// wants reports whether h is to go on.
func (h *harvest) wants(o *bus.Order) bool {
	return len(h.claims) < o.Count && len(h.expired) < expireLimit
}

// take takes a row of selectReady.
func (h *harvest) take(o *bus.Order, v []driver.Value, at int64) {
	expires := v[5].(int64)
	h.last = bus.Place{Rank: uint8(v[0].(int64)), ID: v[1].(int64)}
	claim := bus.Claim{
		Place: h.last, Queue: o.Queue, Node: o.Node, Attempt: int(v[2].(int64)) + 1,
		Bytes: v[3].(int64), AckTimeout: span(v[4].(int64)), Expires: expiry(expires),
	}
	if expires != 0 && expires <= at {
		h.expired = append(h.expired, claim)
		return
	}
	h.claims = append(h.claims, claim)
}

// expire removes the expired work among what was looked at, as if it were acked.
func (c *commit) expire(o *bus.Order, h harvest, at int64) error {
	if len(h.expired) == 0 {
		return nil
	}
	c.dirty = true
	c.roster.counts.add(o.Queue, -int64(len(h.expired)))
	if !c.writer.skipsLocked {
		if err := c.writer.exec(deleteExpired, o.Queue, int64(h.last.Rank), h.last.ID, at); err != nil {
			return err
		}
	}
	for left := h.expired; len(left) > 0; {
		n := 1
		for n < len(left) && left[n].Rank == left[0].Rank {
			n++
		}
		if err := c.expireRank(o.Queue, left[:n]); err != nil {
			return err
		}
		left = left[n:]
	}
	return nil
}

// expireRank removes from their feed those entries of one rank that no other queue waits for.
func (c *commit) expireRank(queue int64, expired []bus.Claim) error {
	o, err := c.owner(queue)
	if err != nil || !o.untilAcked {
		return err
	}
	var ids []int64
	for i := range expired {
		ids = append(ids, expired[i].ID)
	}
	_, err = c.removeUnwanted(o.feed, int64(expired[0].Rank), ids)
	return err
}

// handOut moves claims, everything at the front of the queue, from what is ready to what is claimed.
func (c *commit) handOut(op *bus.Op, claims []bus.Claim) error {
	if len(claims) == 0 || c.writer.skipsLocked {
		return nil
	}
	c.dirty = true
	rank, id := int64(claims[len(claims)-1].Rank), claims[len(claims)-1].ID
	o := &op.Order
	var err error
	if o.Lease > 0 {
		err = c.writer.exec(insertLeases, o.Node, o.Queue, rank, id, op.At.UnixMicro(), o.Lease.Microseconds())
	} else {
		err = c.writer.exec(insertClaims, o.Node, o.Queue, rank, id)
	}
	if err != nil {
		return err
	}
	return c.writer.exec(deleteReady, o.Queue, rank, id)
}
