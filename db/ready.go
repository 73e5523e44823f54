package db

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
)

// work is an entry's place in a queue, to be written to atommq_ready.
type work struct {
	queue, rank, id     int64
	attempts            int64 // that it begins with: its round, and none in that
	bytes               int64
	ackTimeout, expires int64 // microseconds
}

func (w *work) place() bus.Place { return bus.Place{Rank: uint8(w.rank), ID: w.id} }

// offer makes the work of an entry: one row for each queue of its feed, which counts what it offers.
func (c *commit) offer(p *bus.Posting, queues []queueRef, id int64) {
	for _, q := range queues {
		c.works = append(c.works, work{
			queue: q.id, rank: int64(p.Rank), id: id, bytes: int64(len(p.Entry.XML)),
			ackTimeout: p.AckTimeout.Microseconds(), expires: micros(p.Expires, 0),
		})
		c.writeFirst = c.writeFirst || q.paused || !p.Expires.IsZero()
	}
}

// insertReady writes work, from queue ?1 and id ?2 on. A parameter costs a call into C, so only
// what does not follow from the row before is bound: most rows differ in their bytes alone.
var insertReady = makeChunks("INSERT INTO atommq_ready (queue, rank, id, attempts, bytes, ack_timeout, expires) VALUES ",
	func(b *strings.Builder, i int) {
		p := func(n int) string { return "?" + strconv.Itoa(workShared+i*workParams+n) }
		b.WriteString("(coalesce(" + p(1) + ", ?1), coalesce(" + p(2) + ", " + strconv.Itoa(usualRank) + "), coalesce(" + p(3) +
			", ?2 + " + strconv.Itoa(i) + "), coalesce(" + p(7) + ", 0), " + p(4) + ", coalesce(" + p(5) + ", 0), coalesce(" + p(6) + ", 0))")
	}, "")

const (
	workShared = 2
	workParams = 7
	usualRank  = 5 // of priority 4
)

// insertWork writes the work that is not yet in the table, in the table's order.
func (c *commit) insertWork() error {
	c.orderWorks()
	left := c.works
	if c.writer.asArrays && len(left) > 0 {
		if err := c.insertWorkArrays(left); err != nil {
			return err
		}
		left = nil
	}
	for len(left) > 0 {
		n := insertReady.fit(len(left))
		c.args = c.args[:0]
		c.bind(1, left[0].queue)
		c.bind(2, left[0].id)
		for i := range n {
			c.bindWork(workShared+i*workParams, &left[i], left[0].queue, left[0].id+int64(i))
		}
		if err := c.writer.execNumbered(insertReady.text(n), c.args); err != nil {
			return err
		}
		left = left[n:]
	}
	c.works, c.ordered, c.writeFirst = c.works[:0], 0, false
	return nil
}

// orderWorks puts the works in the table's order.
func (c *commit) orderWorks() {
	if c.ordered < len(c.works) {
		slices.SortFunc(c.works, func(a, b work) int {
			return cmp.Or(cmp.Compare(a.queue, b.queue), cmp.Compare(a.rank, b.rank), cmp.Compare(a.id, b.id))
		})
		c.ordered = len(c.works)
	}
}

// worksOf returns where those of a queue are among the works, in its order.
func (c *commit) worksOf(queue int64) (from, to int) {
	c.orderWorks()
	ofQueue := func(w work, queue int64) int { return cmp.Compare(w.queue, queue) }
	from, _ = slices.BinarySearchFunc(c.works, queue, ofQueue)
	to, _ = slices.BinarySearchFunc(c.works, queue+1, ofQueue)
	return from, to
}

// takeWorks takes n works out, which are not to be written.
func (c *commit) takeWorks(from, n int) {
	c.works = slices.Delete(c.works, from, from+n)
	c.ordered = len(c.works)
}

// bindWork binds what differs from the expected.
func (c *commit) bindWork(base int, w *work, queue, id int64) {
	if w.queue != queue {
		c.bind(base+1, w.queue)
	}
	if w.rank != usualRank {
		c.bind(base+2, w.rank)
	}
	if w.id != id {
		c.bind(base+3, w.id)
	}
	c.bind(base+4, w.bytes)
	if w.ackTimeout != 0 {
		c.bind(base+5, w.ackTimeout)
	}
	if w.expires != 0 {
		c.bind(base+6, w.expires)
	}
	if w.attempts != 0 {
		c.bind(base+7, w.attempts)
	}
}

// everyRank lets the keys of atommq_ready and atommq_claim find an entry whose rank is not known.
const everyRank = "rank IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)"

// everyNode lets the key of atommq_claim find the claims of all.
const everyNode = "node IN (SELECT id FROM atommq_node)"

const (
	deleteReadyWork = "DELETE FROM atommq_ready WHERE queue = ? AND " + everyRank + " AND id BETWEEN ? AND ?"
	deleteClaimWork = "DELETE FROM atommq_claim WHERE " + everyNode + " AND queue = ? AND " + everyRank + " AND id BETWEEN ? AND ?"
)

// removeWork removes a queue's work with the ids from lo to hi, claimed or not, and returns how much it was.
func (w *writer) removeWork(queue, lo, hi int64) (removed int64, err error) {
	ready, err := w.change(deleteReadyWork, queue, lo, hi)
	if err != nil {
		return 0, err
	}
	claimed, err := w.change(deleteClaimWork, queue, lo, hi)
	return ready + claimed, err
}

// withdraw removes what work is left of an entry.
func (c *commit) withdraw(feed string, id int64) error {
	queues, err := c.queuesOf(feed)
	if err != nil {
		return err
	}
	for _, q := range queues {
		n, err := c.writer.removeWork(q.id, id, id)
		if err != nil {
			return err
		}
		c.roster.counts.add(q.id, -n)
	}
	return nil
}

const (
	renewReady = "UPDATE atommq_ready SET id = ?, bytes = ?, attempts = 0 WHERE queue = ? AND " + everyRank + " AND id = ?"
	renewClaim = `INSERT INTO atommq_ready (queue, rank, id, attempts, bytes, ack_timeout, expires)
		SELECT queue, rank, CAST(? AS BIGINT), 0, CAST(? AS BIGINT), ack_timeout, expires FROM atommq_claim WHERE ` + everyNode + " AND queue = ? AND " + everyRank + " AND id = ? /* FOR UPDATE */"
)

// renew gives what work is left of an entry its new id, to be handed out anew.
func (c *commit) renew(feed string, old, id, bytes int64) error {
	queues, err := c.queuesOf(feed)
	if err != nil {
		return err
	}
	for _, q := range queues {
		if err := c.writer.exec(renewReady, id, bytes, q.id, old); err != nil {
			return err
		}
		if err := c.writer.exec(renewClaim, id, bytes, q.id, old); err != nil {
			return err
		}
		if err := c.writer.exec(deleteClaimWork, q.id, old, old); err != nil {
			return err
		}
	}
	return nil
}

// span returns a column of microseconds as a duration.
func span(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }

// expiry returns a column expires as a time, zero for never.
func expiry(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return moment(micros)
}
