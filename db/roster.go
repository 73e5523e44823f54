package db

import (
	"database/sql/driver"
	"slices"
	"sort"
	"strings"

	"atommq/bus"
)

// roster knows, for one commit, which queues the feeds have. Nobody else can add one
// before the transaction ends.
type roster struct {
	feeds  map[string][]queueRef
	owners map[int64]owner
	// media has the feeds of owners some of whose entries have media.
	media  map[string]bool
	counts counts
	// stirred lists the queues that got work back.
	stirred []int64
}

// queueRef is a queue of a feed that is known.
type queueRef struct {
	id     int64
	name   string
	paused bool
}

// owner is the feed of a queue.
type owner struct {
	feed       string
	untilAcked bool
	alone      bool // it has no other queue
}

func (r *roster) reset() {
	clear(r.feeds)
	clear(r.owners)
	clear(r.media)
	r.counts.reset()
	r.stirred = r.stirred[:0]
}

// forget forgets who owns what, because a queue came or went.
func (r *roster) forget(feed string) {
	delete(r.feeds, feed)
	clear(r.owners)
}

var selectQueuesOf = makeChunks("SELECT feed, id, name, paused FROM atommq_queue WHERE feed IN (",
	func(b *strings.Builder, _ int) { b.WriteByte('?') }, ")")

// findQueues looks up the queues of the feeds that ops publish to.
func (c *commit) findQueues(ops []*bus.Op) error {
	var unknown []string
	last := ""
	for _, op := range ops {
		for i := range op.Posts {
			feed := op.Posts[i].Entry.Feed
			if op.Kind == bus.OpPublish && feed != last && c.roster.meet(feed) {
				// What this commit dropped is assumed to be there.
				if queues, known := c.assumed.queuesOf(feed); known && c.counting && !c.stirring {
					c.roster.feeds[feed] = queues
				} else {
					unknown = append(unknown, feed)
				}
			}
			last = feed
		}
	}
	return c.loadQueues(unknown)
}

// meet reports whether feed was not known, and makes it known as one without queues.
func (r *roster) meet(feed string) bool {
	if _, known := r.feeds[feed]; known {
		return false
	}
	if r.feeds == nil {
		r.feeds = make(map[string][]queueRef)
	}
	r.feeds[feed] = nil
	return true
}

func (c *commit) loadQueues(names []string) error {
	for len(names) > 0 {
		n := selectQueuesOf.fit(len(names))
		c.args = c.args[:0]
		for i, name := range names[:n] {
			c.bind(i+1, name)
		}
		err := c.writer.query(selectQueuesOf.text(n), c.args, func(v []driver.Value) {
			feed := v[0].(string)
			c.roster.feeds[feed] = append(c.roster.feeds[feed], queueRef{v[1].(int64), v[2].(string), v[3].(int64) != 0})
		})
		if err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}

// queuesOf returns the queues of a feed.
func (c *commit) queuesOf(feed string) ([]queueRef, error) {
	if c.roster.meet(feed) {
		if err := c.loadQueues([]string{feed}); err != nil {
			return nil, err
		}
	}
	return c.roster.feeds[feed], nil
}

// roomForQueues reports whether the queues that posts were sent through are there, or have room to
// be made. Dead letters need none.
func (c *commit) roomForQueues(posts []bus.Posting) (bool, error) {
	var fresh map[bus.QueueName]bool
	for i := range posts {
		p := &posts[i]
		if p.Queue == "" || p.Draft || p.Key != "" && c.keys.has(p) {
			continue
		}
		name := bus.QueueName{Feed: p.Entry.Feed, Name: p.Queue}
		queues, err := c.queuesOf(name.Feed)
		if err != nil {
			return false, err
		}
		if len(queues)+len(posts) <= bus.MostQueues || has(queues, p.Queue) || fresh[name] {
			continue
		}
		if len(queues)+freshOf(fresh, name.Feed) >= bus.MostQueues {
			if p.InPlaceOf > 0 {
				continue
			}
			return false, nil
		}
		if fresh == nil {
			fresh = make(map[bus.QueueName]bool)
		}
		fresh[name] = true
	}
	return true, nil
}

// freshOf counts the queues of a feed.
func freshOf(queues map[bus.QueueName]bool, feed string) (n int) {
	for name := range queues {
		if name.Feed == feed {
			n++
		}
	}
	return n
}

func has(queues []queueRef, name string) bool {
	return slices.ContainsFunc(queues, func(q queueRef) bool { return q.name == name })
}

// needQueue makes the queue that p was sent through, if the feed does not have it, nor as many as it may.
func (c *commit) needQueue(p *bus.Posting, at int64) error {
	feed := p.Entry.Feed
	queues, err := c.queuesOf(feed)
	if err != nil {
		return err
	}
	if has(queues, p.Queue) || len(queues) >= bus.MostQueues {
		return nil
	}
	id, err := c.makeQueue(feed, p.Queue, at)
	c.roster.feeds[feed] = append(slices.Clip(queues), queueRef{id: id, name: p.Queue})
	clear(c.roster.owners)
	return err
}

const selectOwner = `SELECT q.feed, f.until_acked, (SELECT count(*) FROM atommq_queue AS o WHERE o.feed = q.feed),
	CASE WHEN EXISTS (SELECT 1 FROM atommq_media AS m WHERE m.feed = q.feed) THEN 1 ELSE 0 END
	FROM atommq_queue AS q LEFT JOIN atommq_feed AS f ON f.name = q.feed WHERE q.id = ?`

// owner returns the feed of a queue, none for a queue that was dropped.
func (c *commit) owner(queue int64) (owner, error) {
	if o, known := c.roster.owners[queue]; known {
		return o, nil
	}
	var o owner
	err := c.writer.query(selectOwner, number([]driver.Value{queue}), func(v []driver.Value) {
		o = owner{feed: v[0].(string), alone: v[2].(int64) == 1}
		until, decided := v[1].(int64)
		if v[3].(int64) != 0 {
			c.roster.knowMedia(o.feed)
		}
		o.untilAcked = until != 0 || !decided && c.feeds.keepsUntilAcked(o.feed)
	})
	if c.roster.owners == nil {
		c.roster.owners = make(map[int64]owner)
	}
	c.roster.owners[queue] = o
	return o, err
}

// knowMedia notes that some of the feed's entries have media.
func (r *roster) knowMedia(feed string) {
	if r.media == nil {
		r.media = make(map[string]bool)
	}
	r.media[feed] = true
}

// counts sums up by how much a commit changes what waits in each queue, beside what feeds offer to
// all of theirs.
type counts struct {
	queues []int64 // in the order they were first touched
	deltas []int64
	index  map[int64]int
}

func (n *counts) add(queue, delta int64) {
	if i := len(n.queues) - 1; i >= 0 && n.queues[i] == queue {
		n.deltas[i] += delta
		return
	}
	i, ok := n.index[queue]
	if !ok {
		if n.index == nil {
			n.index = make(map[int64]int)
		}
		i = len(n.queues)
		n.index[queue] = i
		n.queues, n.deltas = append(n.queues, queue), append(n.deltas, 0)
	}
	n.deltas[i] += delta
}

// of returns by how much the commit has changed what waits in a queue so far.
func (n *counts) of(queue int64) int64 {
	if i, ok := n.index[queue]; ok {
		return n.deltas[i]
	}
	return 0
}

func (n *counts) reset() {
	clear(n.index)
	n.queues, n.deltas = n.queues[:0], n.deltas[:0]
}

const updateWaiting = "UPDATE atommq_queue SET passed = passed - ? WHERE id = ?"

// Len, Less and Swap sort the counts by queue.
func (n *counts) Len() int           { return len(n.queues) }
func (n *counts) Less(i, j int) bool { return n.queues[i] < n.queues[j] }
func (n *counts) Swap(i, j int) {
	n.queues[i], n.queues[j] = n.queues[j], n.queues[i]
	n.deltas[i], n.deltas[j] = n.deltas[j], n.deltas[i]
}

// updateQueues writes the counts, in the order of queues: as in updateFeeds.
func (c *commit) updateQueues() error {
	n := &c.roster.counts
	sort.Sort(n)
	if c.writer.asArrays {
		return c.updateWaitingArrays()
	}
	for i, queue := range n.queues {
		if n.deltas[i] == 0 {
			continue
		}
		if err := c.writer.exec(updateWaiting, n.deltas[i], queue); err != nil {
			return err
		}
	}
	return nil
}
