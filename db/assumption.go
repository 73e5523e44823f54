package db

// checkCounter locks the counter as readCounter does, and fails unless it says ?1 and ?2.
const checkCounter = "SELECT 1 / CASE WHEN last_id = ? AND stirs = ? THEN 1 ELSE 0 END FROM atommq_log /* FOR UPDATE */"

// assumption is what a commit on a server begins with unasked, as long as nobody but this store wrote since its last one: what the
// counter says, and which queues feeds have. Its first statement checks that under the counter's lock, so that
// everything else need not wait for an answer. Each way to the server and back takes as long as writing some ten entries.
type assumption struct {
	sure        bool // it held the last time
	last, stirs int64
	queues      map[string][]queueRef // as long as stirs stays
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
	a.sure = a.last == last && a.stirs == stirs
	a.last, a.stirs = last, stirs
}

// learn takes over what c, which is on disk, leaves behind.
func (a *assumption) learn(c *commit) {
	if !c.writer.asArrays || !c.read {
		return
	}
	a.last, a.stirs = c.next-1, c.stirs
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
