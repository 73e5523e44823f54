package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"atommq/bus"
)

const (
	// A census may be a second old, and as much more as keeps counting from taking more than a
	// twentieth of the time: however many ask.
	censusFor   = time.Second
	censusShare = 20
	censusWait  = 5 * time.Second // for the database to count
)

// census is what there is in the database, as it was when somebody asked last.
type census struct {
	bus   *bus.Bus
	limit int // queues that are described
	log   *slog.Logger

	mu     sync.Mutex
	fresh  time.Time // until when it is
	err    error
	totals bus.Totals
	queues []bus.QueueFigures
}

func newCensus(b *bus.Bus, limit int, log *slog.Logger) *census {
	return &census{bus: b, limit: limit, log: log}
}

// take counts, unless that was done a moment ago.
func (c *census) take(now time.Time) error {
	if now.Before(c.fresh) {
		return c.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), censusWait)
	defer cancel()
	c.totals, c.queues, c.err = c.bus.Census(ctx, c.limit)
	c.fresh = now.Add(max(censusFor, censusShare*time.Since(now)))
	if c.err != nil {
		c.log.Warn("counting feeds and queues for the metrics failed", "error", c.err)
	}
	return c.err
}

// collect sends what there is to s. Where the database does not answer, that alone.
func (c *census) collect(s sink) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	ok := 1.0
	if c.take(now) != nil {
		ok = 0
	}
	s.gauge("atommq_census_ok", "1 if the database could be asked what there is, else 0, and all figures of feeds and queues are missing.", ok)
	if ok == 0 {
		return
	}
	t := &c.totals
	s.gauge("atommq_feeds", "Feeds.", float64(t.Feeds))
	s.gauge("atommq_entries", "Entries in all feeds, tombstones left out.", float64(t.Entries))
	s.gauge("atommq_entry_bytes", "Bytes of the entries' XML in all feeds.", float64(t.Bytes))
	s.gauge("atommq_queues", "Queues.", float64(t.Queues))
	s.gauge("atommq_waiting_entries", "Entries that were not acknowledged, in all queues.", float64(t.Waiting))
	rest := t.Waiting
	for i := range c.queues {
		rest -= c.queues[i].Waiting
		c.queue(s, &c.queues[i], now)
	}
	s.gauge("atommq_other_queues_waiting_entries", "Entries that were not acknowledged, in the queues that have no metrics of their own.", float64(max(rest, 0)))
}

// queue sends what there is to say of one of the longest queues.
func (c *census) queue(s sink, q *bus.QueueFigures, now time.Time) {
	age := time.Duration(0)
	if !q.Oldest.IsZero() {
		age = max(now.Sub(q.Oldest), 0)
	}
	labels := []string{"feed", q.Feed, "queue", q.Name}
	s.gauge("atommq_queue_waiting_entries", "Entries of one of the longest queues that were not acknowledged.", float64(q.Waiting), labels...)
	s.gauge("atommq_queue_claimed_entries", "Those of them that consumers have now.", float64(q.Claimed), labels...)
	s.gauge("atommq_queue_oldest_seconds", "Age of the oldest of them that nobody has; 0 for none.", age.Seconds(), labels...)
}
