package db

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"atommq/bus"
)

const (
	// waits, of fromQueues, is how many entries were not acked yet, those that consumers have
	// included: of those that the feed has offered, what has not passed. A queue whose feed is gone,
	// which no sound database has, is listed all the same.
	waits      = "coalesce(f.offered, 0) - q.passed"
	fromQueues = " FROM atommq_queue AS q LEFT JOIN atommq_feed AS f ON f.name = q.feed "

	selectQueues    = "SELECT q.id, q.feed, q.name, q.ack_timeout, q.attempts, " + waits + " AS waiting, q.paused, q.created" + fromQueues
	readQueue       = selectQueues + "WHERE q.feed = ? AND q.name = ?"
	readQueuesAfter = selectQueues + "WHERE (q.feed, q.name) > (?, ?) ORDER BY q.feed, q.name LIMIT ?"
)

// queueRow is a row of selectQueues.
type queueRow struct {
	ID         int64
	Feed       string
	Name       string
	AckTimeout int64 `db:"ack_timeout"`
	Attempts   int
	Waiting    int64
	Paused     int64
	Created    int64
}

func (r *queueRow) queue() *bus.Queue {
	return &bus.Queue{
		ID:         r.ID,
		QueueName:  bus.QueueName{Feed: r.Feed, Name: r.Name},
		AckTimeout: span(r.AckTimeout),
		Attempts:   r.Attempts,
		Waiting:    r.Waiting,
		Paused:     r.Paused != 0,
		Created:    moment(r.Created),
	}
}

// Queue implements bus.Queues.
func (s *Store) Queue(ctx context.Context, feed, name string) (*bus.Queue, error) {
	var r queueRow
	err := s.reader.GetContext(ctx, &r, readQueue, feed, name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, bus.ErrNoQueue
	}
	if err != nil {
		return nil, fmt.Errorf("read queue %q of feed %q: %w", name, feed, translate(ctx, err))
	}
	return r.queue(), nil
}

// Queues implements bus.Queues.
func (s *Store) Queues(ctx context.Context, after bus.QueueName, limit int) ([]*bus.Queue, error) {
	feed, name := after.Feed, legibleCursor(after.Name)
	if legible(feed) < len(feed) {
		// No queue has such a feed: those of the next one come first.
		if feed, _ = legibleBound(feed); feed == "" {
			return nil, nil
		}
		name = ""
	}
	list, err := s.listQueues(ctx, readQueuesAfter, feed, name, limit)
	if err != nil {
		return nil, fmt.Errorf("list queues: %w", err)
	}
	return list, nil
}

// listQueues returns the queues that a query of selectQueues finds.
func (s *Store) listQueues(ctx context.Context, query string, args ...any) ([]*bus.Queue, error) {
	var rows []queueRow
	if err := s.reader.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, translate(ctx, err)
	}
	list := make([]*bus.Queue, len(rows))
	for i := range rows {
		list[i] = rows[i].queue()
	}
	return list, nil
}

const setQueue = "UPDATE atommq_queue SET ack_timeout = coalesce(?, ack_timeout), attempts = coalesce(?, attempts), paused = coalesce(?, paused) WHERE feed = ? AND name = ?"

// ConfigureQueue implements bus.Queues.
func (s *Store) ConfigureQueue(ctx context.Context, feed, name string, set bus.QueueSettings) (*bus.Queue, error) {
	err := s.writer.write(ctx, func() error { return s.writer.configureQueue(feed, name, set) })
	if err != nil {
		return nil, fmt.Errorf("configure queue %q of feed %q: %w", name, feed, translate(ctx, err))
	}
	return s.Queue(ctx, feed, name)
}

func (w *writer) configureQueue(feed, name string, set bus.QueueSettings) error {
	if err := w.exclude(); err != nil {
		return err
	}
	if set.If != nil {
		if now, err := w.queueNow(feed, name); err != nil || !now.IsAs(set.If) {
			return cmp.Or(err, bus.ErrChanged)
		}
	}
	if err := w.makeFeed(feed, time.Now().UnixMicro()); err != nil {
		return err
	}
	id, err := w.makeQueue(feed, name, time.Now().UnixMicro())
	if err != nil {
		return err
	}
	if id == 0 {
		if now, err := w.queueNow(feed, name); err != nil || now.ID == 0 {
			return cmp.Or(err, bus.ErrManyQueues)
		}
	}
	if id == 0 && set == (bus.QueueSettings{}) {
		return errUnchanged
	}
	var timeout, attempts, paused driver.Value
	if set.AckTimeout != nil {
		timeout = set.AckTimeout.Microseconds()
	}
	if set.Attempts != nil {
		attempts = int64(*set.Attempts)
	}
	if set.Paused != nil {
		paused = *set.Paused
		if err := w.pauseOrResume(feed, name, *set.Paused); err != nil {
			return err
		}
	}
	return w.exec(setQueue, timeout, attempts, paused, feed, name)
}

// pauseOrResume tells the nodes that a queue is paused from now on, or not: then its work is as
// good as given back.
func (w *writer) pauseOrResume(feed, name string, paused bool) error {
	if paused {
		return w.exec(countStir) // they remember what queues there are, and which of them are paused
	}
	var resumed []int64
	args := number([]driver.Value{feed, name})
	err := w.query("SELECT id FROM atommq_queue WHERE feed = ? AND name = ? AND paused <> 0", args, func(v []driver.Value) {
		resumed = append(resumed, v[0].(int64))
	})
	for _, queue := range resumed {
		if err := w.stir(queue); err != nil {
			return err
		}
	}
	return err
}

// What the feed offered before is not for the queue.
const insertQueue = `INSERT INTO atommq_queue (feed, name, ack_timeout, attempts, created, passed)
	SELECT CAST(?1 AS TEXT), CAST(?2 AS TEXT), CAST(?3 AS BIGINT), CAST(?4 AS BIGINT), CAST(?5 AS BIGINT), coalesce((SELECT offered FROM atommq_feed WHERE name = ?1), 0)
	WHERE (SELECT count(*) FROM atommq_queue WHERE feed = ?1) < CAST(?6 AS BIGINT)
	ON CONFLICT (feed, name) DO NOTHING RETURNING id`

// makeQueue makes a queue that nobody has configured. It returns 0 if there is one of that name, or
// the feed has as many as it may.
func (w *writer) makeQueue(feed, name string, at int64) (id int64, err error) {
	args := []driver.Value{feed, name, bus.DefaultAckTimeout.Microseconds(), int64(bus.DefaultAttempts), at, int64(bus.MostQueues)}
	err = w.query(insertQueue, number(args), func(v []driver.Value) { id = v[0].(int64) })
	if err == nil && id != 0 {
		err = w.exec(countStir) // by which other nodes know that there is another queue
	}
	return id, err
}

// makeQueue does so in the commit.
func (c *commit) makeQueue(feed, name string, at int64) (id int64, err error) {
	id, err = c.writer.makeQueue(feed, name, at)
	if err != nil || id == 0 {
		return id, err
	}
	c.stirring = true
	c.roster.counts.add(id, -c.feeds.offered(feed)) // which are not written yet
	return id, nil
}

// open finds the queue that op names, and makes it if need be.
func (c *commit) open(op *bus.Op) (rule, err error) {
	q := op.Open
	if err := c.writer.makeFeed(q.Feed, op.At.UnixMicro()); err != nil {
		return nil, err
	}
	id, err := c.makeQueue(q.Feed, q.Name, op.At.UnixMicro())
	if err != nil {
		return nil, err
	}
	if id != 0 {
		c.dirty = true
		c.roster.forget(q.Feed)
	}
	now, err := c.writer.queueNow(q.Feed, q.Name)
	if err == nil && now.ID == 0 {
		return bus.ErrManyQueues, nil
	}
	c.outcomes = append(c.outcomes, func() { *q = *now })
	return nil, err
}

// queueNow returns a queue as it is in this transaction, one without ID if there is none.
func (w *writer) queueNow(feed, name string) (*bus.Queue, error) {
	var row queueRow
	err := w.query(readQueue, number([]driver.Value{feed, name}), func(v []driver.Value) {
		row = queueRow{
			ID: v[0].(int64), Feed: v[1].(string), Name: v[2].(string),
			AckTimeout: v[3].(int64), Attempts: int(v[4].(int64)), Waiting: v[5].(int64), Paused: v[6].(int64), Created: v[7].(int64),
		}
	})
	return row.queue(), err
}

// knownQueues finds queues by id.
var knownQueues = makeByID(0, selectQueues+"WHERE ", " ORDER BY id")

// Known implements bus.Nodes.
func (s *Store) Known(ctx context.Context, queues []int64) ([]*bus.Queue, error) {
	left := slices.Compact(slices.Sorted(slices.Values(queues)))
	var list []*bus.Queue
	for len(left) > 0 {
		n := cut(left)
		query, args := knownQueues.query(left[:n])
		some, err := s.listQueues(ctx, query, args...)
		if err != nil {
			return nil, fmt.Errorf("read queues by id: %w", err)
		}
		list, left = append(list, some...), left[n:]
	}
	return list, nil
}

// Both halves come in order and end early: the ready ones by their key; of the claims, which are
// few, each node's.
const readWaiting = `SELECT rank, id, bytes FROM (SELECT rank, id, bytes FROM atommq_ready WHERE queue = ?1 AND (rank, id) > (?2, ?3) ORDER BY rank, id LIMIT ?4) AS ready
	UNION ALL SELECT rank, id, bytes FROM (SELECT rank, id, bytes FROM atommq_claim WHERE ` + everyNode + ` AND queue = ?1 AND (rank, id) > (?2, ?3)
	ORDER BY rank, id LIMIT ?4) AS claimed ORDER BY rank, id LIMIT ?4`

// Waiting implements bus.Queues.
func (s *Store) Waiting(ctx context.Context, queue int64, after bus.Place, limit int, bytes int64) ([]bus.Place, error) {
	var rows []struct {
		bus.Place
		Bytes int64
	}
	if err := s.reader.SelectContext(ctx, &rows, readWaiting, queue, after.Rank, after.ID, limit); err != nil {
		return nil, fmt.Errorf("read what waits in queue %d: %w", queue, translate(ctx, err))
	}
	places, size := make([]bus.Place, 0, len(rows)), int64(0)
	for i := range rows {
		if bytes > 0 && size > bytes {
			break
		}
		places = append(places, rows[i].Place)
		size += rows[i].Bytes
	}
	return places, nil
}

// fetchEntries finds entries by id.
var fetchEntries = makeByID(0, "SELECT "+entryColumns+" FROM atommq_entry WHERE ", " ORDER BY id")

// Fetch implements bus.Queues.
func (s *Store) Fetch(ctx context.Context, ids []int64) ([]*bus.Entry, error) {
	left := slices.Compact(slices.Sorted(slices.Values(ids)))
	found := make([]*bus.Entry, 0, len(left))
	for len(left) > 0 {
		n := cut(left)
		query, args := fetchEntries.query(left[:n])
		some, err := s.entries(ctx, query, func(*bus.Entry) bool { return true }, args...)
		if err != nil {
			return nil, fmt.Errorf("read entries by id: %w", translate(ctx, err))
		}
		found, left = append(found, some...), left[n:]
	}
	return found, nil
}
