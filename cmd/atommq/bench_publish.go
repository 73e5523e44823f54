package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"atommq/bus"
)

const (
	benchCallers    = 64
	benchPerCall    = 10 // entries in one call, where a caller has several
	benchEntryBytes = 200
	benchRawBatch   = 1000 // rows in one raw commit
)

// openBenchNode opens a bus on a database, as serve would.
func openBenchNode(ctx context.Context, name string) (*node, error) {
	return openNode(ctx, &settings{DB: name}, slog.New(slog.DiscardHandler))
}

// openNode opens a bus on a new database.
func (b *bench) openNode(ctx context.Context) (*node, error) {
	name, err := b.database(ctx, "atommq")
	if err != nil {
		return nil, err
	}
	return openBenchNode(ctx, name)
}

// benchPublish measures what the bus makes of the disk: many callers that
// publish and wait, beside rows inserted in bulk. Where each has one entry, a commit
// holds no more rows than there are callers, so it stands beside raw commits of so many, too.
func benchPublish(ctx context.Context, b *bench) (err error) {
	n, err := b.openNode(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	raw, err := openRaw(ctx, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	rates, err := b.compare(ctx, "bus.Publish beside raw inserts",
		n.publishing(1), n.publishing(benchPerCall), raw.inserts(benchCallers), raw.inserts(benchRawBatch))
	if err != nil {
		return err
	}
	one, ten, small, bulk := rates[0], rates[1], rates[2], rates[3]
	finding := finding{Section: "publish", What: "bus.Publish of 200-byte entries, 64 callers", Unit: "entries/s",
		Value: one, Ceiling: bulk, CeilingWhat: "rows inserted in bulk", Budget: budget{Ratio: 0.5}}
	b.report(finding)
	finding.What += ", 10 a call"
	finding.Value = ten
	b.report(finding)
	finding.What, finding.Value = "rows inserted raw, 64 a commit", small
	finding.Budget = budget{}
	b.report(finding)
	return nil
}

// publishing has many callers publish so many entries a call, over and over.
func (n *node) publishing(perCall int) measure {
	posts := slices.Repeat([]bus.Post{{Feed: benchFeed, Entry: benchEntry(benchEntryBytes)}}, perCall)
	return func(ctx context.Context, d time.Duration) (float64, error) {
		whole := context.WithoutCancel(ctx) // no entry is given up half-way
		return rate(ctx, d, benchCallers, func(int) (int, error) {
			_, err := n.bus.Publish(whole, posts...)
			return perCall, err
		})
	}
}
