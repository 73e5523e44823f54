package main

import (
	"context"
	"time"
)

const (
	benchConsumers = 4
	benchWaiting   = 100_000 // messages to drain
)

// consumers begins sessions that subscribe to the queue, as workers do: each message is
// acknowledged by itself, a thousand may be under way.
func (g *benchGateway) consumers(ctx context.Context, n int) (benchStomps, error) {
	clients, err := dialBenchStomps(ctx, g.address, n)
	if err != nil {
		return nil, err
	}
	for _, c := range clients {
		if err := c.subscribe(benchQueue, "ack", "client-individual", "prefetch", "1000"); err != nil {
			clients.close()
			return nil, err
		}
	}
	return clients, nil
}

// flowing has producers send and consumers acknowledge, and returns how many messages a second went
// all the way: until the last one is acknowledged.
func (g *benchGateway) flowing(producers, consumers int) measure {
	send := newBenchSend(benchQueue)
	return func(ctx context.Context, d time.Duration) (perSecond float64, err error) {
		senders, err := dialBenchStomps(ctx, g.address, producers)
		if err != nil {
			return 0, err
		}
		defer senders.close()
		takers, err := g.consumers(ctx, consumers)
		if err != nil {
			return 0, err
		}
		acked := newTally(consumers)
		start := time.Now()
		err = takers.during(ctx, func(ctx context.Context) error {
			_, err := rate(ctx, d, producers, func(i int) (int, error) {
				return senders[i].pump(send, benchFrames, benchWindow-benchFrames)
			})
			if err != nil {
				return err
			}
			sent := int64(0)
			for _, c := range senders {
				sent += c.asked
			}
			err = acked.wait(ctx, acked.sum, sent)
			perSecond = float64(sent) / time.Since(start).Seconds()
			return err
		}, func(i int, c *benchStomp) error {
			return c.consume(func(n int64) { acked.set(i, n) })
		})
		return perSecond, err
	}
}

// benchFlow measures messages from SEND to the RECEIPT of their ACK, beside what the database makes
// of the same rows.
func benchFlow(ctx context.Context, b *bench) error {
	return b.besideRaw(ctx, func(g *benchGateway, raw *rawTable) error {
		rates, err := b.compare(ctx, "4 producers, 4 consumers", g.flowing(4, benchConsumers), raw.flows(benchRawBatch))
		if err != nil {
			return err
		}
		b.report(finding{Section: "flow", What: "send, deliver, ack: 4 producers, 4 consumers", Unit: "messages/s",
			Value: rates[0], Ceiling: rates[1], CeilingWhat: "in commits of 1,000", Budget: b.budget(budget{AtLeast: 80_000, OrRatio: 0.4}, budget{AtLeast: 15_000})})
		return nil
	})
}

// draining has consumers empty a queue, and returns how many messages a second they acknowledge.
func (g *benchGateway) draining(waiting, consumers int) measure {
	return func(ctx context.Context, _ time.Duration) (perSecond float64, err error) {
		if err := g.fillQueue(ctx, waiting); err != nil {
			return 0, err
		}
		acked := newTally(consumers)
		start := time.Now()
		takers, err := g.consumers(ctx, consumers)
		if err != nil {
			return 0, err
		}
		err = takers.during(ctx, func(ctx context.Context) error {
			err := acked.wait(ctx, acked.sum, int64(waiting))
			perSecond = float64(waiting) / time.Since(start).Seconds()
			return err
		}, func(i int, c *benchStomp) error {
			return c.consume(func(n int64) { acked.set(i, n) })
		})
		return perSecond, err
	}
}

// benchDrain measures how fast a queue empties that nobody sends to, with its messages on disk,
// beside rows inserted in bulk, and what the database makes of the same rows.
func benchDrain(ctx context.Context, b *bench) error {
	return b.besideRaw(ctx, func(g *benchGateway, raw *rawTable) error {
		rates, err := b.compare(ctx, "draining 100,000 messages", g.draining(benchWaiting, benchConsumers), raw.inserts(benchRawBatch), raw.drains(benchWaiting, benchRawBatch))
		if err != nil {
			return err
		}
		b.report(finding{Section: "drain", What: "100,000 waiting messages taken and acknowledged, 4 consumers", Unit: "messages/s",
			Value: rates[0], Ceiling: rates[1], CeilingWhat: "rows in bulk", Budget: b.budget(budgetOfRows(120_000), budget{})},
			finding{Section: "drain", What: "messages claimed and acknowledged raw, 1,000 a commit", Unit: "messages/s",
				Value: rates[2], Ceiling: rates[1], CeilingWhat: "rows in bulk"})
		return nil
	})
}
