package db

import (
	"cmp"
	"database/sql/driver"
	"slices"

	"atommq/bus"
)

// acked is an ack of an entry whose feed keeps it until every one of several queues has acked it.
type acked struct {
	feed string
	verdict
}

// leavers are the entries that leave their feeds because they are acked, for one commit.
type leavers struct {
	gone  []*bus.Settlement // with which an entry left
	acked []acked           // to be looked into
}

func (l *leavers) reset() {
	clear(l.gone)
	clear(l.acked)
	l.gone, l.acked = l.gone[:0], l.acked[:0]
}

// each calls f with the first of alike, verdicts in the order of ids, on each of ids: the one that counts.
func each(alike []verdict, ids []int64, f func(v verdict)) {
	for _, v := range alike {
		if len(ids) > 0 && v.ID == ids[0] {
			f(v)
			ids = ids[1:]
		}
	}
}

// drained notes that the entries with ids leave their feed.
func (c *commit) drained(alike []verdict, ids []int64) {
	each(alike, ids, func(v verdict) { c.leavers.gone = append(c.leavers.gone, v.Settlement) })
}

// ackedIn notes that a queue of feed has acked the entries with ids.
func (c *commit) ackedIn(feed string, alike []verdict, ids []int64) {
	each(alike, ids, func(v verdict) { c.leavers.acked = append(c.leavers.acked, acked{feed, v}) })
}

// removeAcked removes the entries that were acked and that no queue waits for any more. Each leaves
// with the last ack of it.
func (c *commit) removeAcked() error {
	all := c.leavers.acked
	slices.SortFunc(all, func(a, b acked) int {
		return cmp.Or(cmp.Compare(a.feed, b.feed), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.ID, b.ID), cmp.Compare(b.seq, a.seq))
	})
	all = slices.CompactFunc(all, func(a, b acked) bool { return a.ID == b.ID })
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].feed == all[0].feed && all[n].Rank == all[0].Rank {
			n++
		}
		if err := c.removeAlike(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	c.leavers.acked = c.leavers.acked[:0]
	return nil
}

// removeAlike does so for entries of one feed and rank.
func (c *commit) removeAlike(alike []acked) error {
	c.ids = c.ids[:0]
	for _, a := range alike {
		c.ids = append(c.ids, a.ID)
	}
	gone, err := c.removeUnwanted(alike[0].feed, int64(alike[0].Rank), c.ids)
	for _, a := range alike {
		if len(gone) > 0 && a.ID == gone[0] {
			c.leavers.gone = append(c.leavers.gone, a.Settlement)
			gone = gone[1:]
		}
	}
	return err
}

// The entries of feed ?1 that no queue of it waits for with rank ?2. The plus keeps SQLite from
// walking the feed. The offset keeps PostgreSQL from reading all work of the queues instead of
// looking for that of the few entries, by the whole key.
var selectUnwanted = makeByID(2, "SELECT id, octet_length(xml) FROM atommq_entry WHERE +feed = ?1"+
	" AND NOT EXISTS (SELECT 1 FROM atommq_queue AS q WHERE q.feed = ?1 AND EXISTS (SELECT 1 FROM atommq_ready AS r"+
	" WHERE r.queue = q.id AND r.rank = ?2 AND r.id = atommq_entry.id /* OFFSET 0 */) /* OFFSET 0 */)"+
	" AND NOT EXISTS (SELECT 1 FROM atommq_queue AS q, atommq_node AS n WHERE q.feed = ?1 AND EXISTS (SELECT 1 FROM atommq_claim AS c"+
	" WHERE c.node = n.id AND c.queue = q.id AND c.rank = ?2 AND c.id = atommq_entry.id /* OFFSET 0 */) /* OFFSET 0 */) AND ", " ORDER BY id")

// removeUnwanted removes those of feed's entries with ids that no queue waits for, and returns theirs.
func (c *commit) removeUnwanted(feed string, rank int64, ids []int64) (gone []int64, err error) {
	// Of two queues that ack at the same time, neither would see that the other one did.
	if err := c.count(); err != nil {
		return nil, err
	}
	var bytes int64
	for len(ids) > 0 {
		n := c.cut(ids)
		c.args = c.args[:0]
		c.bind(1, feed)
		c.bind(2, rank)
		err := c.writer.query(c.bindIDs(selectUnwanted, ids[:n]), c.args, func(v []driver.Value) {
			gone, bytes = append(gone, v[0].(int64)), bytes+v[1].(int64)
		})
		if err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return gone, c.removeEntries(feed, gone, bytes)
}

var deleteEntries = makeByID(0, "DELETE FROM atommq_entry WHERE ", "")

// removeEntries removes a feed's entries with ids, of so many bytes together, and takes them off its account.
func (c *commit) removeEntries(feed string, ids []int64, bytes int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := c.writer.raise(); err != nil {
		return err
	}
	c.feeds.add(feed, change{entries: -int64(len(ids)), bytes: -bytes})
	for len(ids) > 0 {
		n := c.cut(ids)
		if c.roster.media[feed] {
			if err := c.releaseMedia(ids[:n]); err != nil {
				return err
			}
		}
		c.args = c.args[:0]
		if err := c.writer.execNumbered(c.bindIDs(deleteEntries, ids[:n]), c.args); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
