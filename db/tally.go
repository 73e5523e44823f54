package db

import (
	"cmp"
	"database/sql/driver"
	"fmt"
	"sort"
	"strings"

	"github.com/google/uuid"

	"atommq/bus"
)

// change is what one op, or several, did to a feed.
type change struct {
	at      int64 // microseconds
	id      int64 // the newest one given
	entries int64 // live ones, more or less
	bytes   int64 // of their XML, more or less
	offered int64 // entries, to all queues
	born    birth
}

// birth is how a feed that had no entry yet got its first one.
type birth uint8

const (
	unborn  birth = iota
	onTopic       // it keeps everything
	onQueue       // it keeps entries until acked
)

func born(p *bus.Posting) birth {
	if p.Queue != "" {
		return onQueue
	}
	return onTopic
}

// tally sums up what a commit does to each feed it touches.
type tally struct {
	names   []string // in the order they were first touched
	changes []change
	index   map[string]int
}

func (t *tally) add(feed string, ch change) {
	i, ok := t.find(feed)
	if !ok {
		if t.index == nil {
			t.index = make(map[string]int)
		}
		i = len(t.names)
		t.index[feed] = i
		t.names = append(t.names, feed)
		t.changes = append(t.changes, change{})
	}
	sum := &t.changes[i]
	sum.at, sum.id = max(sum.at, ch.at), max(sum.id, ch.id)
	sum.born = cmp.Or(sum.born, ch.born)
	sum.entries += ch.entries
	sum.bytes += ch.bytes
	sum.offered += ch.offered
}

// find finds a feed, without hashing its name when it is the one found or added last.
func (t *tally) find(feed string) (int, bool) {
	if i := len(t.names) - 1; i >= 0 && t.names[i] == feed {
		return i, true
	}
	i, ok := t.index[feed]
	return i, ok
}

// offered returns how many entries a feed has offered to its queues so far.
func (t *tally) offered(feed string) int64 {
	if i, ok := t.find(feed); ok {
		return t.changes[i].offered
	}
	return 0
}

// drop forgets a feed.
func (t *tally) drop(feed string) {
	i, ok := t.find(feed)
	if !ok {
		return
	}
	last := len(t.names) - 1
	t.names[i], t.changes[i] = t.names[last], t.changes[last]
	t.index[t.names[i]] = i
	delete(t.index, feed)
	t.names, t.changes = t.names[:last], t.changes[:last]
}

// keepsUntilAcked reports whether a feed, not decided before, does so by this commit's entries.
func (t *tally) keepsUntilAcked(feed string) bool {
	i, ok := t.find(feed)
	return ok && t.changes[i].born == onQueue
}

func (t *tally) reset() {
	clear(t.names)
	clear(t.index)
	t.names, t.changes = t.names[:0], t.changes[:0]
}

// upsertFeeds adds to the accounts of feeds, and makes those that are missing.
var upsertFeeds = makeChunks("INSERT INTO atommq_feed (name, uuid, created, updated, last_id, entries, bytes, offered, until_acked) VALUES ",
	func(b *strings.Builder, i int) {
		n := i * feedParams
		fmt.Fprintf(b, "(?%d, ?%d, ?%d, ?%d, ?%d, ?%d, ?%d, ?%d, ?%d)", n+1, n+2, n+3, n+3, n+4, n+5, n+6, n+7, n+8)
	},
	addToFeed)

const addToFeed = " ON CONFLICT (name) DO UPDATE SET updated = CASE WHEN excluded.updated > atommq_feed.updated THEN excluded.updated ELSE atommq_feed.updated END," +
	" last_id = CASE WHEN excluded.last_id > atommq_feed.last_id THEN excluded.last_id ELSE atommq_feed.last_id END," +
	" entries = atommq_feed.entries + excluded.entries, bytes = atommq_feed.bytes + excluded.bytes, offered = atommq_feed.offered + excluded.offered," +
	" until_acked = coalesce(atommq_feed.until_acked, excluded.until_acked)"

// feedParams is how many parameters a row of upsertFeeds has.
const feedParams = 8

// Len, Less and Swap sort the tally by name.
func (t *tally) Len() int           { return len(t.names) }
func (t *tally) Less(i, j int) bool { return t.names[i] < t.names[j] }
func (t *tally) Swap(i, j int) {
	t.names[i], t.names[j] = t.names[j], t.names[i]
	t.changes[i], t.changes[j] = t.changes[j], t.changes[i]
}

// newest returns the newest id that ch gave, 0 for none, as a parameter.
func (c *commit) newest(ch change) driver.Value {
	if ch.id == 0 {
		return ch.id
	}
	return c.own(ch.id)
}

// updateFeeds writes the tally, which the commit does not add to any more, in the order of names:
// commits that wait for each other's feeds all take them in that.
func (c *commit) updateFeeds() error {
	sort.Sort(&c.feeds)
	for done := 0; done < len(c.feeds.names); {
		n := upsertFeeds.fit(len(c.feeds.names) - done)
		c.args = c.args[:0]
		for i := range n {
			// Only a feed that is new takes the uuid.
			id, err := uuid.NewV7()
			if err != nil {
				return fmt.Errorf("make a uuid: %w", err)
			}
			name, ch := c.feeds.names[done+i], c.feeds.changes[done+i]
			c.bind(i*feedParams+1, name)
			c.bind(i*feedParams+2, id.String())
			c.bind(i*feedParams+3, ch.at)
			c.bind(i*feedParams+4, c.newest(ch))
			c.bind(i*feedParams+5, ch.entries)
			c.bind(i*feedParams+6, ch.bytes)
			c.bind(i*feedParams+7, ch.offered)
			if ch.born != unborn {
				c.bind(i*feedParams+8, ch.born == onQueue)
			}
		}
		if err := c.writer.execNumbered(upsertFeeds.text(n), c.args); err != nil {
			return err
		}
		done += n
	}
	return nil
}
