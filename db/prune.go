package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"atommq/bus"
)

// Prune implements bus.Catalog, in one transaction.
func (s *Store) Prune(ctx context.Context, feed string, upTo int64, limit int) (removed int, err error) {
	err = s.writer.write(ctx, func() error {
		var err error
		removed, err = s.writer.prune(feed, upTo, limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune feed %q: %w", feed, translate(ctx, err))
	}
	return removed, nil
}

const (
	pruneFeed  = "SELECT last_id FROM atommq_feed WHERE name = ?"
	pruneCount = `SELECT count(*), coalesce(max(id), 0), CAST(coalesce(sum(1 - deleted), 0) AS BIGINT), coalesce(sum(octet_length(xml)), 0)
		FROM (SELECT id, deleted, xml FROM atommq_entry WHERE feed = ? AND id <= ? ORDER BY id LIMIT ? /* FOR UPDATE */) AS oldest`
	pruneDelete = "DELETE FROM atommq_entry WHERE feed = ? AND id <= ?"
	pruneUpdate = "UPDATE atommq_feed SET pruned_id = ?, entries = entries - ?, bytes = bytes - ? WHERE name = ?"
)

// prune removes the oldest entries of a feed, inside a transaction.
func (w *writer) prune(feed string, upTo int64, limit int) (removed int, err error) {
	if err := w.exclude(); err != nil {
		return 0, err
	}
	known := false
	if err := w.query(pruneFeed, number([]driver.Value{feed}), func([]driver.Value) { known = true }); err != nil {
		return 0, err
	}
	if !known {
		return 0, bus.ErrNoFeed
	}
	var count, last, live, bytes int64
	err = w.query(pruneCount, number([]driver.Value{feed, upTo, int64(limit)}), func(v []driver.Value) {
		count, last, live, bytes = v[0].(int64), v[1].(int64), v[2].(int64), v[3].(int64)
	})
	if err != nil {
		return 0, err
	}
	if count == 0 {
		return 0, errUnchanged
	}
	if err := w.pruneWork(feed, last); err != nil {
		return 0, err
	}
	if err := w.exec(prunedMedia, time.Now().UnixMicro(), feed, last); err != nil {
		return 0, err
	}
	if err := w.raise(); err != nil {
		return 0, err
	}
	if err := w.exec(pruneDelete, feed, last); err != nil {
		return 0, err
	}
	return int(count), w.exec(pruneUpdate, last, live, bytes, feed)
}

const queueIDs = "SELECT id FROM atommq_queue WHERE feed = ?"

// pruneWork removes the work of a feed's entries up to the id last.
func (w *writer) pruneWork(feed string, last int64) error {
	var queues []int64
	err := w.query(queueIDs, number([]driver.Value{feed}), func(v []driver.Value) { queues = append(queues, v[0].(int64)) })
	if err != nil {
		return err
	}
	for _, queue := range queues {
		n, err := w.removeWork(queue, 1, last)
		if err != nil {
			return err
		}
		if err := w.exec(updateWaiting, -n, queue); err != nil {
			return err
		}
	}
	return nil
}
