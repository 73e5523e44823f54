package db

import (
	"cmp"
	"database/sql/driver"
	"fmt"
	"slices"

	"atommq/bus"
)

// verdict is a settlement that the commit carries out.
type verdict struct {
	*bus.Settlement
	seq int   // its place in the commit
	at  int64 // the time of the commit
}

// heldByAll reports whether every claim that settle names is held by a node that lives.
func (c *commit) heldByAll(settle []bus.Settlement) (bool, error) {
	for i := range settle {
		if live, err := c.lives(settle[i].Node); err != nil || !live {
			return false, err
		}
	}
	return true, nil
}

const selectNode = "SELECT 1 FROM atommq_node WHERE id = ? AND gone = 0 /* FOR KEY SHARE */"

// lives reports whether node may hold claims. Nobody can strike it out before the
// transaction ends.
func (c *commit) lives(node int64) (live bool, err error) {
	if node == bus.LeaseNode || node > 0 && node == c.living {
		return true, nil
	}
	err = c.writer.query(selectNode, number([]driver.Value{node}), func([]driver.Value) { live = true })
	if live {
		c.living = node
	}
	return live, err
}

const selectClaim = "SELECT 1 FROM atommq_claim WHERE node = ?1 AND queue = ?2 AND rank = ?3 AND id = ?4 AND attempts = ?5 /* FOR UPDATE */"

// holds reports whether the claim that s settles is there.
func (c *commit) holds(s *bus.Settlement) (held bool, err error) {
	if err := c.flush(); err != nil {
		return false, err
	}
	args := number([]driver.Value{s.Node, s.Queue, int64(s.Rank), s.ID, attempts(&s.Claim)})
	err = c.writer.query(selectClaim, args, func([]driver.Value) { held = true })
	return held, err
}

// settle leaves carrying out the verdicts to settleClaims. A lease is settled after the verdict
// that made it one.
func (c *commit) settle(settle []bus.Settlement, at int64) error {
	for i := range settle {
		switch s := &settle[i]; {
		case s.Node != bus.LeaseNode:
			c.leasing = c.leasing || s.Verdict == bus.Leased
		case c.leasing:
			if err := c.flush(); err != nil {
				return err
			}
		}
		c.verdicts = append(c.verdicts, verdict{&settle[i], len(c.verdicts), at})
	}
	return nil
}

// settleClaims carries out the verdicts that came since it last did. Of several on one claim, the
// first counts: after it the claim's row is gone.
func (c *commit) settleClaims() error {
	pending := c.verdicts[c.settled:]
	slices.SortFunc(pending, func(a, b verdict) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Queue, b.Queue), cmp.Compare(attempts(&a.Claim), attempts(&b.Claim)),
			cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.ID, b.ID), cmp.Compare(a.seq, b.seq))
	})
	for len(pending) > 0 {
		n := 1
		for n < len(pending) && pending[n].alike(pending[0]) {
			n++
		}
		if err := c.settleAlike(pending[:n]); err != nil {
			return err
		}
		pending = pending[n:]
	}
	c.settled, c.leasing = len(c.verdicts), false
	return c.removeAcked()
}

// alike reports whether v and w differ in the entry alone.
func (v verdict) alike(w verdict) bool {
	return v.Node == w.Node && v.Queue == w.Queue && attempts(&v.Claim) == attempts(&w.Claim) && v.Rank == w.Rank && v.Verdict == w.Verdict && v.Lease == w.Lease
}

// settleAlike carries out verdicts that differ in the entry alone, in the order of ids.
func (c *commit) settleAlike(alike []verdict) error {
	c.ids = c.ids[:0]
	for i := range alike {
		if i == 0 || alike[i].ID != alike[i-1].ID {
			c.ids = append(c.ids, alike[i].ID)
		}
	}
	for ids := c.ids; len(ids) > 0; {
		n := c.cut(ids)
		some := upTo(alike, ids[n-1])
		if err := c.settleSome(alike[:some], ids[:n]); err != nil {
			return err
		}
		alike, ids = alike[some:], ids[n:]
	}
	return nil
}

// upTo counts the verdicts at the start of alike with ids up to id.
func upTo(alike []verdict, id int64) int {
	n := 0
	for n < len(alike) && alike[n].ID <= id {
		n++
	}
	return n
}

// The condition on claims that differ in the entry alone. Its attempts are its fence: a claim
// returned and handed out anew has others.
const ofClaims = " FROM atommq_claim WHERE node = ?1 AND queue = ?2 AND rank = ?3 AND attempts = ?4 AND "

var (
	deleteClaims  = makeByID(4, "DELETE"+ofClaims, "")
	releaseClaims = makeByID(5, "INSERT INTO atommq_ready (queue, rank, id, attempts, bytes, ack_timeout, expires)"+
		" SELECT queue, rank, id, attempts - ?5, bytes, ack_timeout, expires"+ofClaims, " /* FOR UPDATE */")
)

// settleSome carries out verdicts that differ in the entry alone on claims with ids, as many as one
// statement takes.
func (c *commit) settleSome(alike []verdict, ids []int64) error {
	if v := alike[0]; v.Node == bus.LeaseNode || v.Verdict == bus.Leased {
		var err error
		if ids, err = c.notLost(alike, ids); err != nil || len(ids) == 0 {
			return err
		}
	}
	switch alike[0].Verdict {
	case bus.Acked:
		return c.ack(alike, ids)
	case bus.Released:
		return c.release(alike[0], ids, 0)
	case bus.Returned:
		return c.release(alike[0], ids, 1)
	case bus.Leased:
		return c.lease(alike[0], ids)
	}
	return fmt.Errorf("there is no verdict %d", alike[0].Verdict)
}

// release puts claims back in their place, with so many attempts forgotten.
func (c *commit) release(v verdict, ids []int64, forgotten int64) error {
	for left := ids; len(left) > 0; {
		n := cut(left)
		c.bindClaims(v)
		c.bind(5, forgotten)
		if err := c.writer.execNumbered(c.bindIDs(releaseClaims, left[:n]), c.args); err != nil {
			return err
		}
		left = left[n:]
	}
	released, err := c.removeClaims(v, ids)
	if n := len(c.roster.stirred); released > 0 && (n == 0 || c.roster.stirred[n-1] != v.Queue) {
		c.roster.stirred = append(c.roster.stirred, v.Queue)
	}
	return err
}

// ack removes claims for good.
func (c *commit) ack(alike []verdict, ids []int64) error {
	v := alike[0]
	o, err := c.owner(v.Queue)
	if err != nil {
		return err
	}
	var bytes int64
	switch {
	case !o.untilAcked:
		removed, err := c.removeClaims(v, ids)
		c.roster.counts.add(v.Queue, -removed)
		return err
	case c.writer.asArrays:
		ids, bytes, err = c.takeClaims(v, ids)
	default:
		if ids, bytes, err = c.stillHeld(v, ids); err == nil {
			_, err = c.removeClaims(v, ids)
		}
	}
	c.roster.counts.add(v.Queue, -int64(len(ids)))
	switch {
	case err != nil || len(ids) == 0:
		return err
	case o.alone:
		c.drained(alike, ids)
		return c.removeEntries(o.feed, ids, bytes)
	}
	c.ackedIn(o.feed, alike, ids)
	return nil
}

var (
	countClaims = makeByID(4, "SELECT count(*), CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM (SELECT bytes"+ofClaims, " /* FOR UPDATE */) AS held")
	heldClaims  = makeByID(4, "SELECT id"+ofClaims, " ORDER BY id /* FOR UPDATE */")
)

// stillHeld returns those of ids whose claims there are, and the bytes of their entries. Nearly
// always it is all of them, which a count tells without reading each.
func (c *commit) stillHeld(v verdict, ids []int64) (held []int64, bytes int64, err error) {
	var n int64
	count := func(v []driver.Value) { n, bytes = v[0].(int64), v[1].(int64) }
	c.bindClaims(v)
	if err := c.writer.query(c.bindIDs(countClaims, ids), c.args, count); err != nil || n == int64(len(ids)) {
		return ids, bytes, err
	}
	c.bindClaims(v)
	err = c.writer.query(c.bindIDs(heldClaims, ids), c.args, func(v []driver.Value) { held = append(held, v[0].(int64)) })
	return held, bytes, err
}

var takeHeld = makeByID(4, "DELETE"+ofClaims, " RETURNING id, bytes")

// takeClaims does so and removes them, where a statement takes any number: each is looked for once,
// and need not be locked first.
func (c *commit) takeClaims(v verdict, ids []int64) (held []int64, bytes int64, err error) {
	c.bindClaims(v)
	err = c.writer.query(c.bindIDs(takeHeld, ids), c.args, func(v []driver.Value) {
		held, bytes = append(held, v[0].(int64)), bytes+v[1].(int64)
	})
	slices.Sort(held)
	c.dirty = c.dirty || len(held) > 0
	return held, bytes, err
}

func (c *commit) removeClaims(v verdict, ids []int64) (removed int64, err error) {
	for len(ids) > 0 {
		n := c.cut(ids)
		c.bindClaims(v)
		some, err := c.writer.changeNumbered(c.bindIDs(deleteClaims, ids[:n]), c.args)
		if err != nil {
			return removed, err
		}
		c.dirty = c.dirty || some > 0
		removed, ids = removed+some, ids[n:]
	}
	return removed, nil
}

func (c *commit) bindClaims(v verdict) {
	c.args = c.args[:0]
	c.bind(1, v.Node)
	c.bind(2, v.Queue)
	c.bind(3, int64(v.Rank))
	c.bind(4, attempts(&v.Claim))
}
