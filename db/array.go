package db

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"strconv"
)

// array is an array as PostgreSQL reads it, "{1,2}" or "{"a","b"}".
type array struct {
	buf []byte
	n   int // elements
}

func (a *array) reset() { a.buf, a.n = append(a.buf[:0], '{'), 0 }

func (a *array) int(n int64) {
	a.buf = append(strconv.AppendInt(a.buf, n, 10), ',')
	a.n++
}

// text adds s, whose quotes and backslashes are escaped.
func (a *array) text(s string) {
	a.buf = append(a.buf, '"')
	start := 0
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			a.buf = append(append(a.buf, s[start:i]...), '\\')
			start = i
		}
	}
	a.buf = append(append(a.buf, s[start:]...), '"', ',')
	a.n++
}

// fill adds NULLs until there are n elements.
func (a *array) fill(n int) {
	for ; a.n < n; a.n++ {
		a.buf = append(a.buf, "NULL,"...)
	}
}

// arrayText is the text of an array, or what string_to_array makes one of, as a parameter.
type arrayText []byte

// value ends the array and returns it.
func (a *array) value() arrayText {
	if a.n == 0 {
		return append(a.buf, '}')
	}
	a.buf[len(a.buf)-1] = '}'
	return a.buf
}

// arrays holds a statement's arrays, one for each column. The first columns are common: in them,
// rows say only what differs from the first row, which most often is nothing. unnest has NULL for
// the others, and for all that an array is shorter than the longest.
type arrays struct {
	columns []array
	ints    []int64  // of the first row, in the common columns of integers
	texts   []string // and in those of texts, which come behind them
}

func (a *arrays) reset(columns int) {
	for len(a.columns) < columns {
		a.columns = append(a.columns, array{})
	}
	for i := range a.columns[:columns] {
		a.columns[i].reset()
	}
	a.ints, a.texts = a.ints[:0], a.texts[:0]
}

// common adds a row's integers, then its texts, to the common columns.
func (a *arrays) common(row int, ints []int64, texts ...string) {
	if row == 0 {
		a.ints, a.texts = append(a.ints, ints...), append(a.texts, texts...)
		return
	}
	for i, v := range ints {
		if v != a.ints[i] {
			a.columns[i].fill(row)
			a.columns[i].int(v)
		}
	}
	for i, v := range texts {
		if v != a.texts[i] {
			c := &a.columns[len(ints)+i]
			c.fill(row)
			c.text(v)
		}
	}
}

// bindArrays binds the first columns of the commit's arrays as the parameters from 1 on, and then
// what the first row has in the common ones.
func (c *commit) bindArrays(columns int) {
	c.args = c.args[:0]
	for i := range columns {
		c.bindNext(c.arrays.columns[i].value())
	}
	for _, v := range c.arrays.ints {
		c.bindNext(v)
	}
	for _, v := range c.arrays.texts {
		c.bindNext(v)
	}
}

// bindNext binds the parameter behind those that are bound.
func (c *commit) bindNext(v driver.Value) { c.bind(len(c.args)+1, v) }

const (
	// entryArrays has entries, which bindEntryArrays binds as the parameters from 1 to 16, and the
	// number of each; the last has no uuid, and is none.
	entryArrays = ` unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS TEXT[]), CAST(?6 AS TEXT[]),
	CAST(?7 AS TEXT[]), CAST(?8 AS TEXT[]), string_to_array(CAST(?16 AS TEXT), chr(1))) WITH ORDINALITY
	AS e (published, updated, edited, absent, feed, title, atom_id, uuid, xml, n)`
	// entryOfArrays is what an entry has of them.
	entryOfArrays = ` coalesce(published, ?9), coalesce(updated, ?10), coalesce(edited, ?11), coalesce(absent, ?12), coalesce(feed, ?13),
	coalesce(title, ?14), coalesce(atom_id, ?15), uuid, xml `
	insertEntry       = `INSERT INTO atommq_entry (id, published, updated, edited, absent, feed, title, atom_id, uuid, xml) `
	insertEntryArrays = insertEntry + `SELECT n + ?17,` + entryOfArrays + `FROM` + entryArrays + ` WHERE uuid IS NOT NULL`
)

// xmlEnd stands behind each XML of a statement, which a server takes apart there in less time than it
// reads an array. XML has no such character.
const xmlEnd = '\x01'

// arrayBytes is how much content one statement takes at most, beside one entry.
const arrayBytes = 8 << 20

// insertArrays writes rows, at least one and as many as one statement takes, and returns how many.
// Their ids follow each other.
func (c *commit) insertArrays(rows []row) (n int, err error) {
	n, err = c.bindEntryArrays(rows)
	if err != nil {
		return 0, err
	}
	c.bindNext(c.own(rows[0].id - 1))
	return n, c.writer.execNumbered(insertEntryArrays, c.args)
}

// bindEntryArrays binds rows for entryArrays, as many as one statement takes, and returns how many.
func (c *commit) bindEntryArrays(rows []row) (n int, err error) {
	a := &c.arrays
	a.reset(8)
	xml := c.xml[:0]
	for n < len(rows) && len(xml) < arrayBytes {
		r, e := &rows[n], rows[n].entry
		a.common(n, []int64{micros(e.Published, r.at), micros(e.Updated, r.at), r.at, int64(e.Absent)}, e.Feed, e.Title, e.AtomID)
		a.columns[7].text(e.UUID)
		if bytes.IndexByte(e.XML, xmlEnd) >= 0 {
			return 0, fmt.Errorf("entry %s of %q is no XML: there is a U+0001 in it", e.UUID, e.Feed)
		}
		xml = append(append(xml, e.XML...), xmlEnd)
		n++
	}
	c.xml = xml
	c.bindArrays(8)
	c.bindNext(arrayText(xml))
	return n, nil
}

const insertReadyArrays = `INSERT INTO atommq_ready (queue, rank, bytes, ack_timeout, expires, id, attempts)
	SELECT coalesce(queue, ?8), coalesce(rank, ?9), coalesce(bytes, ?10), coalesce(ack_timeout, ?11), coalesce(expires, ?12), id + ?14, coalesce(attempts, ?13)
	FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS BIGINT[]), CAST(?6 AS BIGINT[]),
	CAST(?7 AS BIGINT[])) AS w (queue, rank, bytes, ack_timeout, expires, attempts, id)`

// insertWorkArrays writes works, at least one.
func (c *commit) insertWorkArrays(works []work) error {
	c.arrays.reset(7)
	for i := range works {
		w := &works[i]
		c.arrays.common(i, []int64{w.queue, w.rank, w.bytes, w.ackTimeout, w.expires, w.attempts})
		c.arrays.columns[6].int(w.id)
	}
	c.bindArrays(7)
	c.bindNext(c.own(0))
	return c.writer.execNumbered(insertReadyArrays, c.args)
}

const updateWaitingArrays = `UPDATE atommq_queue AS q SET passed = q.passed - d.delta
	FROM unnest(CAST(? AS BIGINT[]), CAST(? AS BIGINT[])) AS d (id, delta) WHERE q.id = d.id`

// updateWaitingArrays adds the counts that are not 0.
func (c *commit) updateWaitingArrays() error {
	c.arrays.reset(2)
	any := false
	for i, queue := range c.roster.counts.queues {
		if delta := c.roster.counts.deltas[i]; delta != 0 {
			c.arrays.columns[0].int(queue)
			c.arrays.columns[1].int(delta)
			any = true
		}
	}
	if !any {
		return nil
	}
	c.bindArrays(2)
	return c.writer.execNumbered(updateWaitingArrays, c.args)
}
