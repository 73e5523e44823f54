package db

import "strconv"

// array is an array as PostgreSQL reads it, "{1,2}" or "{"a","b"}".
type array struct{ buf []byte }

func (a *array) reset() { a.buf = append(a.buf[:0], '{') }

func (a *array) int(n int64) {
	a.buf = append(strconv.AppendInt(a.buf, n, 10), ',')
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
}

// arrayText is an array's text, as a parameter.
type arrayText []byte

// value ends the array, which has at least one element, and returns it.
func (a *array) value() arrayText {
	a.buf[len(a.buf)-1] = '}'
	return a.buf
}

// arrays holds a statement's arrays, one for each column.
type arrays struct{ columns []array }

func (a *arrays) reset(columns int) {
	for len(a.columns) < columns {
		a.columns = append(a.columns, array{})
	}
	for i := range a.columns[:columns] {
		a.columns[i].reset()
	}
}

// ints adds a row's integers to the columns from first on.
func (a *arrays) ints(first int, values ...int64) {
	for i, v := range values {
		a.columns[first+i].int(v)
	}
}

// texts does so with its texts.
func (a *arrays) texts(first int, values ...string) {
	for i, v := range values {
		a.columns[first+i].text(v)
	}
}

// bindArrays binds the first columns of the commit's arrays as the parameters from 1 on.
func (c *commit) bindArrays(columns int) {
	c.args = c.args[:0]
	for i := range columns {
		c.bind(i+1, c.arrays.columns[i].value())
	}
}

const insertEntryArrays = `INSERT INTO atommq_entry (id, published, updated, edited, absent, feed, uuid, title, atom_id, xml)
	SELECT id + ?11, published, updated, edited, absent, feed, uuid, title, atom_id, xml FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]),
	CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS BIGINT[]), CAST(?6 AS TEXT[]), CAST(?7 AS TEXT[]), CAST(?8 AS TEXT[]), CAST(?9 AS TEXT[]),
	CAST(?10 AS TEXT[])) AS e (id, published, updated, edited, absent, feed, uuid, title, atom_id, xml)`

// arrayBytes is how much content one statement takes at most, beside one entry.
const arrayBytes = 8 << 20

// insertArrays writes rows, at least one and as many as one statement takes, and returns how many.
func (c *commit) insertArrays(rows []row) (n int, err error) {
	c.arrays.reset(10)
	for size := 0; n < len(rows) && size < arrayBytes; n++ {
		r, e := &rows[n], rows[n].entry
		c.arrays.ints(0, r.id, micros(e.Published, r.at), micros(e.Updated, r.at), r.at, int64(e.Absent))
		c.arrays.texts(5, e.Feed, e.UUID, e.Title, e.AtomID, text(e.XML))
		size += len(e.XML)
	}
	c.bindArrays(10)
	c.bind(11, c.own(0))
	return n, c.writer.execNumbered(insertEntryArrays, c.args)
}

const insertReadyArrays = `INSERT INTO atommq_ready (queue, rank, id, attempts, bytes, ack_timeout, expires)
	SELECT queue, rank, id + ?7, 0, bytes, ack_timeout, expires FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]),
	CAST(?4 AS BIGINT[]), CAST(?5 AS BIGINT[]), CAST(?6 AS BIGINT[])) AS w (queue, rank, id, bytes, ack_timeout, expires)`

// insertWorkArrays writes works, at least one.
func (c *commit) insertWorkArrays(works []work) error {
	c.arrays.reset(6)
	for i := range works {
		w := &works[i]
		c.arrays.ints(0, w.queue, w.rank, w.id, w.bytes, w.ackTimeout, w.expires)
	}
	c.bindArrays(6)
	c.bind(7, c.own(0))
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
			c.arrays.ints(0, queue, delta)
			any = true
		}
	}
	if !any {
		return nil
	}
	c.bindArrays(2)
	return c.writer.execNumbered(updateWaitingArrays, c.args)
}
