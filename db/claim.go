package db

import (
	"database/sql/driver"
	"strconv"
	"strings"

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
	bytes   int64     // of claims
	offered int       // how much more there is among what the commit offers and has not written
}

// claim hands out what waits at the front of a queue.
func (c *commit) claim(op *bus.Op) (rule, err error) {
	if live, err := c.lives(op.Order.Node); err != nil || !live {
		return bus.ErrClaimLost, err
	}
	front := c.front
	if c.writer.skipsLocked {
		front = c.takeWork
	}
	h, err := front(&op.Order, op.At.UnixMicro())
	if err != nil {
		return nil, err
	}
	if len(h.claims)+len(h.expired)+h.offered == 0 {
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
	if err := c.handOutOffered(op, &h); err != nil {
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

// front finds what is at the front of a queue: first what waits in the table, then what this commit
// offers, which need not be written before it is claimed.
func (c *commit) front(o *bus.Order, at int64) (h harvest, err error) {
	if err := c.flushAhead(); err != nil {
		return h, err
	}
	if h, err = c.harvest(o, at); err != nil {
		return h, err
	}
	from, to := c.worksOf(o.Queue)
	if from == to {
		return h, nil
	}
	if first := c.works[from].place(); len(h.claims)+len(h.expired) > 0 && before(first, h.last) {
		if err := c.flush(); err != nil {
			return h, err
		}
		return c.harvest(o, at)
	}
	if h.wants(o) {
		h.offer(o, c.works[from:to])
	}
	return h, nil
}

// offer counts the works that o is handed, too.
func (h *harvest) offer(o *bus.Order, works []work) {
	bytes := h.bytes
	for h.offered < len(works) && !o.Full(len(h.claims)+h.offered, bytes) {
		bytes += works[h.offered].bytes
		h.offered++
	}
}

// harvest reads the front of a queue, past what expired by at, until it has what o asks for.
func (c *commit) harvest(o *bus.Order, at int64) (h harvest, err error) {
	for more := true; more && h.wants(o); {
		limit, seen := o.Count-len(h.claims)+min(len(h.expired), expireLimit), 0
		args := number([]driver.Value{o.Queue, int64(h.last.Rank), h.last.ID, int64(limit)})
		err := c.writer.query(selectReady, args, func(v []driver.Value) {
			seen++
			if !o.Full(len(h.claims), h.bytes) {
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

func before(a, b bus.Place) bool { return a.Rank < b.Rank || a.Rank == b.Rank && a.ID < b.ID }

// wants reports whether h is to go on.
func (h *harvest) wants(o *bus.Order) bool {
	return !o.Full(len(h.claims), h.bytes) && len(h.expired) < expireLimit
}

// take takes a row of selectReady.
func (h *harvest) take(o *bus.Order, v []driver.Value, at int64) {
	expires := v[5].(int64)
	h.last = bus.Place{Rank: uint8(v[0].(int64)), ID: v[1].(int64)}
	claim := bus.Claim{
		Place: h.last, Queue: o.Queue, Node: o.Node,
		Bytes: v[3].(int64), AckTimeout: span(v[4].(int64)), Expires: expiry(expires),
	}
	attempted(&claim, v[2].(int64)+1)
	if expires != 0 && expires <= at {
		h.expired = append(h.expired, claim)
		return
	}
	h.claims = append(h.claims, claim)
	h.bytes += claim.Bytes
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

// insertOffered makes claims for node ?1 of queue ?2 that end at ?4 unless they say otherwise, from
// id ?3 on. As in insertReady, only what does not follow from the row before is bound.
var insertOffered = makeChunks("INSERT INTO atommq_claim (node, queue, rank, id, attempts, bytes, ack_timeout, expires, deadline) VALUES ",
	func(b *strings.Builder, i int) {
		p := func(n int) string { return "?" + strconv.Itoa(offeredShared+i*offeredParams+n) }
		b.WriteString("(?1, ?2, coalesce(" + p(1) + ", " + strconv.Itoa(usualRank) + "), coalesce(" + p(2) + ", ?3 + " + strconv.Itoa(i) +
			"), 1, " + p(3) + ", coalesce(" + p(4) + ", 0), 0, coalesce(" + p(5) + ", ?4))")
	}, "")

const (
	offeredShared = 4
	offeredParams = 5
)

// handOutOffered hands out what the commit offers and has not written, as h says, and adds it to the claims.
func (c *commit) handOutOffered(op *bus.Op, h *harvest) error {
	if h.offered == 0 {
		return nil
	}
	o, at := &op.Order, op.At.UnixMicro()
	c.dirty = true
	from, _ := c.worksOf(o.Queue)
	deadline := int64(0)
	if o.Lease > 0 {
		deadline = at + o.Lease.Microseconds()
	}
	for left := c.works[from : from+h.offered]; len(left) > 0; {
		n := insertOffered.fit(len(left))
		c.args = c.args[:0]
		c.bind(1, o.Node)
		c.bind(2, o.Queue)
		c.bind(3, left[0].id)
		c.bind(4, deadline)
		for i := range left[:n] {
			w := &left[i]
			base := offeredShared + i*offeredParams
			c.bindOffered(base, w, left[0].id+int64(i))
			if o.Lease > 0 && w.ackTimeout > 0 {
				c.bind(base+5, at+w.ackTimeout)
			}
			h.claims = append(h.claims, bus.Claim{
				Place: w.place(), Queue: o.Queue, Node: o.Node, Attempt: 1, Bytes: w.bytes, AckTimeout: span(w.ackTimeout),
			})
		}
		if err := c.writer.execNumbered(insertOffered.text(n), c.args); err != nil {
			return err
		}
		left = left[n:]
	}
	c.takeWorks(from, h.offered)
	return nil
}

// bindOffered binds what differs from the expected.
func (c *commit) bindOffered(base int, w *work, id int64) {
	if w.rank != usualRank {
		c.bind(base+1, w.rank)
	}
	if w.id != id {
		c.bind(base+2, w.id)
	}
	c.bind(base+3, w.bytes)
	if w.ackTimeout != 0 {
		c.bind(base+4, w.ackTimeout)
	}
}
