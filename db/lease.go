package db

import (
	"context"
	"database/sql/driver"
	"fmt"

	"atommq/bus"
)

// The row -1 of atommq_node is bus.LeaseNode: so leases are found wherever the claims of all nodes are.
var leaseClaims = makeByID(5, "UPDATE atommq_claim SET node = -1, deadline = ?5 WHERE node = ?1 AND queue = ?2 AND rank = ?3 AND attempts = ?4 AND ", "")

// lease makes leases of claims, or sets those that are another deadline.
func (c *commit) lease(v verdict, ids []int64) error {
	for len(ids) > 0 {
		n := cut(ids)
		c.bindClaims(v)
		c.bind(5, v.at+v.Lease.Microseconds())
		if err := c.writer.execNumbered(c.bindIDs(leaseClaims, ids[:n]), c.args); err != nil {
			return err
		}
		ids = ids[n:]
	}
	c.dirty = true
	return nil
}

// notLost returns those of ids whose claims are there, and notes the verdicts on the others as
// lost, and those that come second on a claim which the first one ends.
func (c *commit) notLost(alike []verdict, ids []int64) ([]int64, error) {
	held, _, err := c.stillHeld(alike[0], ids)
	if err != nil {
		return nil, err
	}
	left, last := held, int64(0)
	for _, v := range alike {
		switch {
		case len(left) > 0 && v.ID == left[0]:
			left, last = left[1:], v.ID
		case v.ID != last || v.Verdict != bus.Leased:
			c.lost = append(c.lost, v.Settlement)
		}
	}
	return held, nil
}

const readLeases = `SELECT c.queue, c.rank, c.id, c.attempts, c.bytes, c.ack_timeout, c.expires, c.deadline,
	q.feed, q.name, q.attempts AS allowed FROM atommq_claim AS c JOIN atommq_queue AS q ON q.id = c.queue
	WHERE c.deadline > 0 ORDER BY c.deadline LIMIT ?`

// leaseRow is a row of readLeases.
type leaseRow struct {
	Queue, ID, Attempts, Bytes, Expires, Deadline int64
	Rank                                          uint8
	AckTimeout                                    int64 `db:"ack_timeout"`
	Feed, Name                                    string
	Allowed                                       int
}

// Leases implements bus.Claims.
func (s *Store) Leases(ctx context.Context, limit int) ([]bus.Lease, error) {
	var rows []leaseRow
	if err := s.reader.SelectContext(ctx, &rows, readLeases, limit); err != nil {
		return nil, fmt.Errorf("list the leases that end first: %w", translate(ctx, err))
	}
	list := make([]bus.Lease, len(rows))
	for i := range rows {
		r := &rows[i]
		list[i] = bus.Lease{
			Claim: bus.Claim{
				Place: bus.Place{Rank: r.Rank, ID: r.ID}, Queue: r.Queue, Node: bus.LeaseNode,
				Bytes: r.Bytes, AckTimeout: span(r.AckTimeout), Expires: expiry(r.Expires),
			},
			QueueName: bus.QueueName{Feed: r.Feed, Name: r.Name}, Attempts: r.Allowed, Deadline: moment(r.Deadline),
		}
		attempted(&list[i].Claim, r.Attempts)
	}
	return list, nil
}

// LeaseSecret implements bus.Claims.
func (s *Store) LeaseSecret(ctx context.Context) (secret []byte, err error) {
	if err := s.reader.GetContext(ctx, &secret, "SELECT lease FROM atommq_secret"); err != nil {
		return nil, fmt.Errorf("read the secret of leases: %w", translate(ctx, err))
	}
	return secret, nil
}

// The oldest of the first of each rank is the oldest of all, without reading more of them.
const readBacklog = `SELECT (SELECT count(*) FROM atommq_claim WHERE ` + everyNode + ` AND queue = ?1) AS claimed,
	coalesce((SELECT edited FROM atommq_entry WHERE id = (SELECT min(first) FROM (
		SELECT (SELECT id FROM atommq_ready WHERE queue = ?1 AND rank = r.rank ORDER BY id LIMIT 1) AS first
		FROM (SELECT 0 AS rank UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL
			SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS r) AS firsts)), 0) AS oldest`

// Backlog implements bus.Claims.
func (s *Store) Backlog(ctx context.Context, queue int64) (bus.Backlog, error) {
	var row struct{ Claimed, Oldest int64 }
	if err := s.reader.GetContext(ctx, &row, readBacklog, queue); err != nil {
		return bus.Backlog{}, fmt.Errorf("read how it stands with queue %d: %w", queue, translate(ctx, err))
	}
	return bus.Backlog{Claimed: row.Claimed, Oldest: expiry(row.Oldest)}, nil
}

// CountReady implements bus.Claims.
func (s *Store) CountReady(ctx context.Context, queue, upTo int64) (n int64, err error) {
	if err := s.reader.GetContext(ctx, &n, "SELECT count(*) FROM atommq_ready WHERE queue = ? AND id <= ?", queue, upTo); err != nil {
		return 0, fmt.Errorf("count what waits in queue %d: %w", queue, translate(ctx, err))
	}
	return n, nil
}

// ranked is work of one queue, grouped: the ids of each rank, rising.
type ranked [10][]int64

func (r *ranked) row(v []driver.Value) {
	rank := v[0].(int64)
	r[rank] = append(r[rank], v[1].(int64))
}
