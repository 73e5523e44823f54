package db

import (
	"database/sql/driver"
	"strconv"
	"strings"
	"unsafe"

	"atommq/bus"
)

// row is an entry published in the commit under way.
type row struct {
	entry *bus.Entry
	id    int64
	at    int64
}

func (r *row) settle() {
	e := r.entry
	e.ID, e.Edited = r.id, moment(r.at)
	e.Published = moment(micros(e.Published, r.at))
	e.Updated = moment(micros(e.Updated, r.at))
}

// publish takes ids for op's entries, and leaves writing them, their work and what settles claims to flush.
func (c *commit) publish(op *bus.Op) (rule, err error) {
	if !c.keys.allow(op.Posts) {
		return bus.ErrKeyReused, nil
	}
	if held, err := c.heldByAll(op.Settle); err != nil || !held {
		return bus.ErrClaimLost, err
	}
	if room, err := c.roomForQueues(op.Posts); err != nil || !room {
		return bus.ErrManyQueues, err
	}
	at := op.At.UnixMicro()
	for i := range op.Posts {
		p := &op.Posts[i]
		if p.Key != "" && c.keys.replay(p) {
			continue
		}
		if p.InPlaceOf > 0 {
			if held, err := c.holds(&op.Settle[p.InPlaceOf-1]); err != nil {
				return nil, err
			} else if !held {
				continue
			}
		}
		if p.Draft {
			err = c.keepDraft(p, at)
		} else if op.Media != nil {
			rule, err = c.postMedia(op, at)
		} else {
			err = c.post(p, at)
		}
		if rule != nil || err != nil {
			return rule, err
		}
		if p.InPlaceOf > 0 {
			if err := c.shareMedia(&op.Settle[p.InPlaceOf-1], p.Entry, at); err != nil {
				return nil, err
			}
		}
	}
	return nil, c.settle(op.Settle, at)
}

// post takes an id for p's entry, and a place in each queue.
func (c *commit) post(p *bus.Posting, at int64) error {
	if p.Queue != "" {
		if err := c.needQueue(p, at); err != nil {
			return err
		}
	}
	queues, err := c.queuesOf(p.Entry.Feed)
	if err != nil {
		return err
	}
	r := row{entry: p.Entry, id: c.take(), at: at}
	c.rows = append(c.rows, r)
	if p.Key != "" {
		c.keys.use(p, r)
	}
	c.feeds.add(p.Entry.Feed, change{at: at, id: r.id, entries: 1, bytes: int64(len(p.Entry.XML)), offered: 1, born: born(p)})
	c.offer(p, queues, r.id)
	return nil
}

// insert writes the rows that are not yet in the table. Their ids follow each other:
// an edit, which takes an id too, inserts before it does.
func (c *commit) insert() error {
	for c.written < len(c.rows) {
		pending := c.rows[c.written:]
		if c.writer.asArrays {
			n, err := c.insertArrays(pending)
			if err != nil {
				return err
			}
			c.written += n
			continue
		}
		pending = pending[:insertEntries.fit(sameTime(pending))]
		if err := c.insertRows(pending); err != nil {
			return err
		}
		c.written += len(pending)
	}
	return nil
}

// sameTime counts the rows at the start of rows that have one time.
func sameTime(rows []row) int {
	for i := range rows {
		if rows[i].at != rows[0].at {
			return i
		}
	}
	return len(rows)
}

// insertEntries inserts entries with ids from ?1 on, edited at ?2, in the feed ?3, with the title
// ?4. Most entries leave out most of the optional values, and have the first one's feed and often
// its title, and each value bound costs a call into C: what is left out is not bound, hence NULL,
// and the statement fills it in.
var insertEntries = makeChunks("INSERT INTO atommq_entry (id, feed, uuid, title, atom_id, published, updated, edited, absent, xml) VALUES ",
	func(b *strings.Builder, i int) {
		p := func(n int) string { return "?" + strconv.Itoa(entryShared+i*entryParams+n) }
		b.WriteString("(?1+" + strconv.Itoa(i) + ", coalesce(" + p(1) + ", ?3), " + p(2) + ", coalesce(" + p(3) + ", ?4)" +
			", coalesce(" + p(4) + ", ''), coalesce(" + p(5) + ", ?2), coalesce(" + p(6) + ", ?2), ?2" +
			", coalesce(" + p(7) + ", 0), " + p(8) + ")")
	}, "")

// The parameters of insertEntries: those of the statement, then of each row.
const (
	entryShared = 4
	entryParams = 8
)

// insertRows writes rows, as many as there is a statement for.
func (c *commit) insertRows(rows []row) error {
	c.args = c.args[:0]
	first := rows[0].entry
	c.bind(1, rows[0].id)
	c.bind(2, rows[0].at)
	c.bind(3, first.Feed)
	c.bind(4, first.Title)
	for i := range rows {
		c.bindEntry(entryShared+i*entryParams, rows[i].entry, first)
	}
	return c.writer.execNumbered(insertEntries.text(len(rows)), c.args)
}

func (c *commit) bindEntry(base int, e, first *bus.Entry) {
	if e.Feed != first.Feed {
		c.bind(base+1, e.Feed)
	}
	c.bind(base+2, e.UUID)
	if e.Title != first.Title {
		c.bind(base+3, e.Title)
	}
	if e.AtomID != "" {
		c.bind(base+4, e.AtomID)
	}
	if !e.Published.IsZero() {
		c.bind(base+5, e.Published.UnixMicro())
	}
	if !e.Updated.IsZero() {
		c.bind(base+6, e.Updated.UnixMicro())
	}
	if e.Absent != 0 {
		c.bind(base+7, int64(e.Absent))
	}
	c.bind(base+8, text(e.XML))
}

func (c *commit) bind(ordinal int, v driver.Value) {
	c.args = append(c.args, driver.NamedValue{Ordinal: ordinal, Value: v})
}

// text returns b as a string without a copy: a []byte would be stored as a BLOB. The driver is done
// with it before Commit returns, and until then nobody changes an entry's bytes.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf does the reverse. Nobody writes to them.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
