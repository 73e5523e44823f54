package db

import (
	"context"
	"fmt"
	"time"

	"atommq/bus"
)

// A server keeps this time in the zone that sessions have.
const readMade = "SELECT CAST(min(tstamp) /* AT TIME ZONE current_setting('TimeZone') AT TIME ZONE 'UTC' */ AS TEXT) FROM atommq_schema"

// Made implements bus.Census: the first migration knows.
func (s *Store) Made(ctx context.Context) (time.Time, error) {
	var text string
	if err := s.reader.GetContext(ctx, &text, readMade); err != nil {
		return time.Time{}, fmt.Errorf("read when the schema was made: %w", translate(ctx, err))
	}
	made, err := time.Parse(time.DateTime, text[:min(len(text), len(time.DateTime))])
	if err != nil {
		return time.Time{}, fmt.Errorf("read when the schema was made: %w", err)
	}
	return made, nil
}

// Postgres has sums of bigints as numeric.
const readTotals = `SELECT f.feeds, f.entries, f.bytes, q.queues, q.waiting FROM
	(SELECT count(*) AS feeds, CAST(coalesce(sum(entries), 0) AS bigint) AS entries, CAST(coalesce(sum(bytes), 0) AS bigint) AS bytes FROM atommq_feed) AS f,
	(SELECT count(*) AS queues, CAST(coalesce(sum(` + waits + `), 0) AS bigint) AS waiting` + fromQueues + `) AS q`

// Totals implements bus.Census.
func (s *Store) Totals(ctx context.Context) (bus.Totals, error) {
	var sum bus.Totals
	if err := s.reader.GetContext(ctx, &sum, readTotals); err != nil {
		return sum, fmt.Errorf("count feeds and queues: %w", translate(ctx, err))
	}
	return sum, nil
}

const readLongest = selectQueues + "WHERE " + waits + " > 0 ORDER BY waiting DESC, q.feed, q.name LIMIT ?"

// Longest implements bus.Census.
func (s *Store) Longest(ctx context.Context, limit int) ([]*bus.Queue, error) {
	list, err := s.listQueues(ctx, readLongest, limit)
	if err != nil {
		return nil, fmt.Errorf("list the longest queues: %w", err)
	}
	return list, nil
}
