package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"atommq/bus"
)

const (
	benchCallers    = 64
	benchEntryBytes = 200
	benchRawBatch   = 1000 // rows in one raw commit
)

// openBenchNode opens a bus on a new database in dir, as serve would.
func openBenchNode(ctx context.Context, dir string) (*node, error) {
	return openNode(ctx, &settings{DB: filepath.Join(dir, "atommq.db")}, slog.New(slog.DiscardHandler))
}

// benchPublish measures what the bus makes of the disk: many callers that
// publish one entry each and wait for it, beside rows inserted in bulk.
func benchPublish(ctx context.Context, b *bench) (err error) {
	n, err := openBenchNode(ctx, b.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	raw, err := openRaw(ctx, b.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	post := bus.Post{Feed: benchFeed, Entry: benchEntry(benchEntryBytes)}
	publish := func(ctx context.Context, d time.Duration) (float64, error) {
		whole := context.WithoutCancel(ctx) // no entry is given up half-way
		return rate(ctx, d, benchCallers, func(int) (int, error) {
			_, err := n.bus.Publish(whole, post)
			return 1, err
		})
	}
	rates, err := b.compare(ctx, "bus.Publish beside raw inserts", publish, raw.inserts(benchRawBatch))
	if err != nil {
		return err
	}
	b.report(finding{Section: "publish", What: "bus.Publish of 200-byte entries, 64 callers", Unit: "entries/s",
		Value: rates[0], Ceiling: rates[1], CeilingWhat: "rows inserted in bulk", Budget: budget{Ratio: 0.5}})
	return nil
}
