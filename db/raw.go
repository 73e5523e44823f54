package db

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"atommq/bus"
	"atommq/feeds"
)

// RawInsert measures the ceiling of publishing: it inserts rows entries of size
// bytes into a new database at path, in transactions of batch, with the very
// connection and statements that Commit uses but none of its rules: no counter, no feed. It returns
// how long that took, making the entries not included. The caller removes the file.
func RawInsert(ctx context.Context, path string, rows, batch, size int) (time.Duration, error) {
	s, err := Open(ctx, path, Config{})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	pending, err := rawRows(rows, size)
	if err != nil {
		return 0, err
	}
	c := &s.commit
	start := time.Now()
	for len(pending) > 0 {
		n := min(batch, len(pending))
		c.rows, c.written = pending[:n], 0
		if err := s.writer.write(ctx, c.insert); err != nil {
			return 0, fmt.Errorf("insert %d rows: %w", n, translate(ctx, err))
		}
		pending = pending[n:]
	}
	return time.Since(start), nil
}

func rawRows(rows, size int) ([]row, error) {
	xml := []byte(strings.Repeat("x", size))
	made := make([]row, rows)
	for i := range made {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("make a uuid: %w", err)
		}
		made[i] = row{id: int64(i + 1), at: 1, entry: &bus.Entry{Member: feeds.Member{
			Feed: "raw", UUID: id.String(), Title: "raw", XML: xml,
			Absent: feeds.PartID | feeds.PartUpdated | feeds.PartPublished,
		}}}
	}
	return made, nil
}
