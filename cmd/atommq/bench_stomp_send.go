package main

import (
	"context"
	"time"
)

const (
	benchProducerCount = 128
	benchWindow        = 1000 // receipts that a pipelining producer has under way
	benchFrames        = 250  // that it writes at once
)

// sending has so many producers send to destination, each with at most window receipts under way,
// of which some are sent at once.
func (g *benchGateway) sending(producers int, send *benchSend, window, some int) measure {
	return func(ctx context.Context, d time.Duration) (float64, error) {
		clients, err := dialBenchStomps(ctx, g.address, producers)
		if err != nil {
			return 0, err
		}
		defer clients.close()
		return rate(ctx, d, producers, func(i int) (int, error) {
			return clients[i].pump(send, some, int64(window-some))
		})
	}
}

// benchProducer measures a producer that waits for each receipt, beside single commits.
func benchProducer(ctx context.Context, b *bench) error {
	return b.besideRaw(ctx, func(g *benchGateway, raw *rawTable) error {
		rates, err := b.compare(ctx, "one producer that waits for each receipt",
			g.sending(1, newBenchSend(benchQueue), 1, 1), raw.sends(1), raw.sendsOverSocket())
		if err != nil {
			return err
		}
		b.report(finding{Section: "producer", What: "one producer that waits for each receipt", Unit: "messages/s",
			Value: rates[0], Ceiling: rates[1], CeilingWhat: "single commits", Budget: b.budget(budgetOfCommits(4500), budget{})},
			finding{Section: "producer", What: "a bare socket whose messages are committed raw", Unit: "messages/s",
				Value: rates[2], Ceiling: rates[1], CeilingWhat: "single commits"})
		return nil
	})
}

// benchProducers measures many such, beside single commits, and commits of a message of each.
func benchProducers(ctx context.Context, b *bench) error {
	return b.besideRaw(ctx, func(g *benchGateway, raw *rawTable) error {
		rates, err := b.compare(ctx, "128 producers that wait for each receipt",
			g.sending(benchProducerCount, newBenchSend(benchQueue), 1, 1), raw.sends(1), raw.sends(benchProducerCount))
		if err != nil {
			return err
		}
		b.report(finding{Section: "producers", What: "128 producers that wait for each receipt", Unit: "messages/s",
			Value: rates[0], Ceiling: rates[1], CeilingWhat: "single commits", Budget: b.budget(budgetOfCommits(30_000), budget{})},
			finding{Section: "producers", What: "messages committed raw, 128 at a time", Unit: "messages/s",
				Value: rates[2], Ceiling: rates[1], CeilingWhat: "single commits"})
		return nil
	})
}

// benchPipeline measures a producer with many receipts under way, beside rows inserted in bulk, and
// commits of as many messages.
func benchPipeline(ctx context.Context, b *bench) error {
	return b.besideRaw(ctx, func(g *benchGateway, raw *rawTable) error {
		rates, err := b.compare(ctx, "one producer with 1,000 receipts under way",
			g.sending(1, newBenchSend(benchQueue), benchWindow, benchFrames), raw.inserts(benchRawBatch), raw.sends(benchWindow))
		if err != nil {
			return err
		}
		b.report(finding{Section: "pipeline", What: "one producer with 1,000 receipts under way", Unit: "messages/s",
			Value: rates[0], Ceiling: rates[1], CeilingWhat: "rows in bulk", Budget: b.budget(budgetOfRows(150_000), budget{AtLeast: 40_000, OrRatio: 40_000. / benchServerRows})},
			finding{Section: "pipeline", What: "messages with their work inserted raw, 1,000 a commit", Unit: "messages/s",
				Value: rates[2], Ceiling: rates[1], CeilingWhat: "rows in bulk"})
		return nil
	})
}
