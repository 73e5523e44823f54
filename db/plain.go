package db

import (
	"database/sql/driver"
	"fmt"
	"sort"

	"github.com/google/uuid"
)

// plain reports whether the commit does nothing but publish entries, on a server and under the
// assumption, which it has not asked about yet. Then it is one statement, and that its own
// transaction: a server need neither begin and end one, start five more statements in it, nor find the
// entries in their text (go test -bench 'PostgresCommit/batch=64$' ./db).
func (c *commit) plain() bool {
	return c.writer.whole != nil && c.shift.unknown && !c.dirty && len(c.rows) > 0 && c.written == 0 &&
		len(c.works) == 0 && len(c.verdicts) == 0 && len(c.keys.fresh) == 0
}

// publishPlain publishes entries, the parameters up to 16, under the ids that follow. Its parts see
// nothing of each other, but each waits for what it has from another: so the counter is locked under the
// engine's own lock, as by ownLock, and all else is done under the counter's. As lockCounter does, it
// fails unless there are ?19 stirs; and where the counter is behind ?18, the newest id that this
// store knows, or is not there, so that what there is to do about that is done in one place.
const publishPlain = `WITH
	counter AS (UPDATE atommq_log SET last_id = last_id + ?20 WHERE pg_advisory_xact_lock(?17) IS NOT NULL
		RETURNING last_id - ?20 AS last, 1 / CASE WHEN stirs = ?19 AND last_id - ?20 >= ?18 THEN 1 ELSE 0 END AS assumed),
	entries AS (` + insertEntry + `SELECT last + n,` + entryOfArrays + `FROM` + entryArrays + `, counter WHERE uuid IS NOT NULL),
	feeds AS (INSERT INTO atommq_feed (name, uuid, created, updated, last_id, entries, bytes, offered, until_acked)
		SELECT name, uuid, at, at, last + n, entries, bytes, entries, 0
		FROM unnest(CAST(?21 AS TEXT[]), CAST(?22 AS TEXT[]), CAST(?23 AS BIGINT[]), CAST(?24 AS BIGINT[]), CAST(?25 AS BIGINT[]), CAST(?26 AS BIGINT[]))
		AS f (name, uuid, at, n, entries, bytes), counter` + addToFeed + `),
	mark AS (INSERT INTO atommq_key (feed, key, seq, digest, uuid, id, used) SELECT '', ?27, 0, CAST(?28 AS BYTEA), '', last + ?20, ?29 FROM counter` + replaceMark + `)
	SELECT max(last), min(assumed), 1 / count(*) FROM counter`

// publishPlainly writes all of a plain commit, unless it has more than one statement takes, or has
// asked the server something.
func (c *commit) publishPlainly() (done bool, err error) {
	n, err := c.bindEntryArrays(c.rows)
	if err != nil || n < len(c.rows) {
		return false, err
	}
	last := c.first - 1
	c.bindNext(c.writer.ownLock)
	c.bindNext(c.known.id.Load())
	c.bindNext(c.stirs)
	c.bindNext(c.next - c.first)
	if err := c.bindFeedArrays(last); err != nil {
		return false, err
	}
	digest := c.mark.digest()
	c.bindNext(c.mark.row)
	c.bindNext(digest[:])
	c.bindNext(c.mark.keepUntil())
	return c.writer.whole(publishPlain, c.args, func(v []driver.Value) { c.shiftBy(v[0].(int64) - last) }), nil
}

// bindFeedArrays binds what a plain commit adds to each feed, whose newest ids are counted from last.
func (c *commit) bindFeedArrays(last int64) error {
	sort.Sort(&c.feeds)
	a := &c.feedArrays
	a.reset(6)
	for i, name := range c.feeds.names {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make a uuid: %w", err)
		}
		ch := c.feeds.changes[i]
		a.columns[0].text(name)
		a.columns[1].text(id.String())
		for column, v := range []int64{ch.at, ch.id - last, ch.entries, ch.bytes} {
			a.columns[2+column].int(v)
		}
	}
	for i := range a.columns {
		c.bindNext(a.columns[i].value())
	}
	return nil
}
