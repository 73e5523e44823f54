package db

import (
	"context"
	"fmt"
)

const countStir = "UPDATE atommq_log SET stirs = stirs + 1"

// stir notes that a queue got work back, for the nodes that have consumers for it.
func (w *writer) stir(queue int64) error {
	if err := w.exec(countStir); err != nil {
		return err
	}
	return w.exec("UPDATE atommq_queue SET stirred = (SELECT stirs FROM atommq_log) WHERE id = ?", queue)
}

// stirQueues notes it for the queues that the commit's verdicts gave work back to.
func (c *commit) stirQueues() error {
	for _, queue := range c.roster.stirred {
		c.stirring = true
		if err := c.writer.stir(queue); err != nil {
			return err
		}
	}
	return nil
}

// Stirred implements bus.Nodes.
func (s *Store) Stirred(ctx context.Context, mark int64, limit int) (queues []int64, next int64, err error) {
	if mark < 0 {
		if err := s.reader.GetContext(ctx, &next, "SELECT stirs FROM atommq_log"); err != nil {
			return nil, mark, fmt.Errorf("read the mark of releases: %w", translate(ctx, err))
		}
		return nil, next, nil
	}
	var rows []struct{ ID, Stirred int64 }
	const query = "SELECT id, stirred FROM atommq_queue WHERE stirred > 0 AND stirred > ? ORDER BY stirred LIMIT ?"
	if err := s.reader.selectOften(ctx, &rows, query, mark, limit); err != nil {
		return nil, mark, fmt.Errorf("list the queues that got work back: %w", translate(ctx, err))
	}
	queues = s.commit.overlooked.next(limit - len(rows))
	for _, r := range rows {
		queues, mark = append(queues, r.ID), r.Stirred
	}
	s.commit.known.rise(&s.commit.known.stirs, mark)
	return queues, mark, nil
}
