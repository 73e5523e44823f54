package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	benchLive   = 10_000 // readers of one feed
	benchSends  = 9      // entries sent to them, one after the other
	smallBuffer = 2 << 10
)

// benchReaders measures what the reader of a stream holds that waits, and how long an entry takes
// until all have it. The server is a process of its own, and shares the processors with the readers.
func benchReaders(ctx context.Context, b *bench) (err error) {
	files, err := openableFiles()
	if err != nil {
		return err
	}
	const others = 100 // files that both processes have open besides
	n := min(benchLive, files-others)
	server, err := b.startServer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	b.say("starting a server")
	before, err := server.settle()
	if err != nil {
		return err
	}
	b.say("opening streams")
	readers, err := dialAllEvents(ctx, server.address, n)
	if err != nil {
		return err
	}
	b.say("waiting for memory to be given back")
	after, err := server.settle()
	if err != nil {
		return err
	}
	b.say("publishing to the readers")
	delays, err := server.reach(ctx, readers)
	if err != nil {
		return err
	}
	what := thousands(float64(n)) + " readers of one feed"
	if n < benchLive {
		what += " (more need a higher ulimit -n)"
	}
	b.report(
		finding{Section: "readers", What: what + ", each", Unit: "kB", Value: (after - before) * (1 << 20) / float64(n) / 1000, Budget: budget{AtMost: 20}},
		finding{Section: "readers", What: "an entry reaches all of them, median", Unit: "ms", Value: percentile(delays, 50)},
		finding{Section: "readers", What: "an entry reaches all of them, slowest", Unit: "ms", Value: percentile(delays, 100), Budget: budget{AtMost: 1000}},
	)
	return nil
}

// reach publishes entries, and returns how long each took from its POST until all readers had it.
func (s *benchServer) reach(ctx context.Context, readers []*eventReader) (delays []time.Duration, err error) {
	got := newTally(len(readers))
	var reading errgroup.Group
	for i, r := range readers {
		r.buf = slices.Grow(r.buf[:r.kept:r.kept], smallBuffer)[:smallBuffer]
		reading.Go(func() error { return r.count(func(n int64) { got.set(i, n) }) })
	}
	publisher, err := dialBench(ctx, s.address)
	if err != nil {
		return nil, err
	}
	defer publisher.conn.Close()
	request := postRequest(benchPath, benchEntry(benchEntryBytes).XML)
	for i := range benchSends {
		start := time.Now()
		if err := publisher.do(request, http.StatusCreated); err != nil {
			return nil, err
		}
		if err := got.wait(ctx, got.sum, int64(i+1)*int64(len(readers))); err != nil {
			return nil, err
		}
		delays = append(delays, time.Since(start))
	}
	for _, r := range readers {
		_ = r.conn.Close() // that is how they end
	}
	if err := reading.Wait(); err != nil {
		return nil, fmt.Errorf("read the streams: %w", err)
	}
	return delays, nil
}
