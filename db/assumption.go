package db

import "database/sql/driver"

// assumption is what a commit begins with unasked: which queues feeds have. In a file, what it
// reads of the counter says whether any came or went. On a server, its first statement checks that
// under the counter's lock, and everything else need not wait for an answer: each way to the server
// and back takes as long as writing some ten entries, and other nodes wait meanwhile. What the
// counter says need not be known: see shift.
type assumption struct {
	sure   bool // it held the last time
	last   int64
	stirs  int64
	queues map[string][]queueRef // as long as stirs stays
}

// assumedFeeds bounds the feeds whose queues are remembered.
const assumedFeeds = 1000

// forget leaves it to the counter itself.
func (a *assumption) forget() { *a = assumption{queues: a.queues}; clear(a.queues) }

// check compares the assumption with what the counter was found to say.
func (a *assumption) check(last, stirs int64) {
	if a.stirs != stirs {
		clear(a.queues)
	}
	a.sure = a.stirs == stirs
	a.last, a.stirs = last, stirs
}

// learn takes over what c, which is on disk, leaves behind.
func (a *assumption) learn(c *commit) {
	if !c.read {
		return
	}
	a.last, a.stirs = c.next-1, c.stirs
	c.known.see(a.last)
	if c.stirring {
		a.forget()
		return
	}
	if len(a.queues)+len(c.roster.feeds) > assumedFeeds {
		clear(a.queues)
	}
	if a.queues == nil {
		a.queues = make(map[string][]queueRef)
	}
	for feed, queues := range c.roster.feeds {
		if len(a.queues) < assumedFeeds {
			a.queues[feed] = queues
		}
	}
}

// queuesOf returns the queues of a feed, if they are known.
func (a *assumption) queuesOf(feed string) (queues []queueRef, known bool) {
	if !a.sure {
		return nil, false
	}
	queues, known = a.queues[feed]
	return queues, known
}

// shift is how far the ids that a commit gives out lie from those that they turn out to be, as long
// as that is not known: it counts from where its node last saw the counter, and its statements add
// what other nodes took since, which the first of them finds out.
type shift struct {
	unknown bool
	by      int64 // once it is known
}

// lockCounter locks the counter as readCounter does, fails unless there are ?1 stirs, and keeps for
// the transaction how far it is from ?2. It goes on from ?3, the newest id that this store knows,
// where the counter is behind it: what a standby that took over has lost, readers have seen.
const lockCounter = `SELECT last_id, 1 / CASE WHEN stirs = ?1 THEN 1 ELSE 0 END, set_config('atommq.shift', CAST(greatest(last_id, ?3) - ?2 AS TEXT), true)
	FROM atommq_log FOR UPDATE`

// shiftedBy is the literal of what lockCounter keeps.
const shiftedBy = "current_setting('atommq.shift')::bigint"

// shifted is a parameter: id, which is the commit's own, and the shift.
type shifted struct {
	id    int64
	shift *shift
}

// own returns an id that the commit gave out, 0 included, as a parameter.
func (c *commit) own(id int64) driver.Value {
	if c.shift.unknown {
		return shifted{id, &c.shift}
	}
	return id
}

// assume begins with ids where the node last saw the counter.
func (c *commit) assume() error {
	a := &c.assumed
	c.counter(a.last, a.stirs)
	c.shift = shift{unknown: true}
	known := c.known.id.Load()
	return c.writer.later(lockCounter, number([]driver.Value{a.stirs, a.last, known}), func(v []driver.Value) {
		c.shiftBy(c.known.above(v[0].(int64), known) - a.last)
	})
}

// settleIDs has the ids that come be what they are.
func (c *commit) settleIDs() error {
	if !c.shift.unknown {
		return nil
	}
	return c.writer.sync()
}

// shiftBy makes the ids that were given out what they are.
func (c *commit) shiftBy(by int64) {
	c.shift = shift{by: by}
	c.first += by
	c.next += by
	for i := range c.rows {
		c.rows[i].id += by
	}
	for i := range c.works {
		c.works[i].id += by
	}
	for i := range c.feeds.changes {
		if ch := &c.feeds.changes[i]; ch.id != 0 {
			ch.id += by
		}
	}
}
