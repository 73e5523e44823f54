package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"atommq/stompgw/stomp"
)

// benchAhead is how many messages a publisher is ahead of its receipts and of the slowest
// subscriber, at most.
const benchAhead = 4000

// benchDeliveries is how many deliveries a second topics are to make.
const benchDeliveries = 1_000_000

// benchFanOut measures deliveries to many subscribers of a topic: of messages that are stored, beside
// rows inserted in bulk, each for all of them, and of such that are not, beside bare sockets to as many.
func benchFanOut(ctx context.Context, b *bench) error {
	return b.besideRaw(ctx, func(g *benchGateway, raw *rawTable) error {
		for _, subscribers := range []int{10, 100} {
			what := fmt.Sprintf("a topic with %d subscribers", subscribers)
			rates, err := b.compare(ctx, what,
				g.fanning(subscribers, newBenchSend(benchTopic)), raw.inserts(benchRawBatch),
				g.fanning(subscribers, newBenchSend(benchTopic, "persistent", "false")), bareFanning(subscribers))
			if err != nil {
				return err
			}
			all := float64(subscribers)
			stored := budgetOfRows(benchDeliveries / all)
			stored.AtLeast = benchDeliveries
			b.report(finding{Section: "fanout", What: what, Unit: "deliveries/s",
				Value: rates[0], Ceiling: all * rates[1], CeilingWhat: "rows in bulk, for each of them", Budget: b.budget(stored, budget{})},
				finding{Section: "fanout", What: what + ", persistent:false", Unit: "deliveries/s",
					Value: rates[2], Ceiling: rates[3], CeilingWhat: "over bare sockets", Budget: budget{AtLeast: benchDeliveries}})
		}
		return nil
	})
}

// fanning has one publisher send to a topic, as fast as the slowest subscriber reads, and returns
// the deliveries to all of them.
func (g *benchGateway) fanning(subscribers int, send *benchSend) measure {
	return func(ctx context.Context, d time.Duration) (perSecond float64, err error) {
		publisher, err := dialBenchStomp(ctx, g.address)
		if err != nil {
			return 0, err
		}
		defer publisher.Close()
		followers, err := dialBenchStomps(ctx, g.address, subscribers)
		if err != nil {
			return 0, err
		}
		if err := followers.each(func(_ int, c *benchStomp) error { return c.subscribe(benchTopic) }); err != nil {
			followers.close()
			return 0, err
		}
		got := newTally(subscribers)
		start := time.Now()
		err = followers.during(ctx, func(ctx context.Context) error {
			_, err := rate(ctx, d, 1, func(int) (int, error) {
				if _, err := publisher.pump(send, benchFrames, benchAhead-benchFrames); err != nil {
					return 0, err
				}
				return benchFrames, got.wait(ctx, got.least, publisher.asked-benchAhead)
			})
			if err == nil {
				err = got.wait(ctx, got.least, publisher.asked)
			}
			perSecond = float64(got.sum()) / time.Since(start).Seconds()
			return err
		}, func(i int, c *benchStomp) error {
			return c.count(func(n int64) { got.set(i, n) })
		})
		return perSecond, err
	}
}

// bareFanning has the same subscribers read from sockets into which the same bytes are written over and over.
func bareFanning(subscribers int) measure {
	return func(ctx context.Context, d time.Duration) (perSecond float64, err error) {
		listener, err := listenBench(ctx)
		if err != nil {
			return 0, err
		}
		var pouring errgroup.Group
		pouring.Go(func() error { return pourInto(listener, &pouring, benchMessages()) })
		defer func() { err = errors.Join(err, pouring.Wait()) }()
		defer listener.Close()
		readers := make([]*stomp.Reader, subscribers)
		for i := range readers {
			conn, err := dialTCP(ctx, listener.Addr().String())
			if err != nil {
				return 0, err
			}
			defer conn.Close()
			readers[i] = stomp.NewReader(conn, stomp.Limits{})
		}
		return rate(ctx, d, subscribers, func(i int) (int, error) { return readBuffered(readers[i]) })
	}
}

// benchMessages are the frames of as many messages as make 64 KiB.
func benchMessages() (messages []byte) {
	for id := int64(1); len(messages) < 64<<10; id++ {
		messages = appendBenchMessage(messages, id)
	}
	return messages
}

// pourInto writes messages to everybody who comes, until they go; it ends when the listener is closed.
func pourInto(listener net.Listener, pouring *errgroup.Group, messages []byte) error {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		pouring.Go(func() error {
			defer conn.Close()
			for {
				if _, err := conn.Write(messages); err != nil {
					return nil // the reader has read enough and closed the connection
				}
			}
		})
	}
}

// readBuffered reads a frame, and those that came with it.
func readBuffered(frames *stomp.Reader) (n int, err error) {
	for n == 0 || frames.Pending() {
		if _, err := frames.Next(); err != nil {
			return n, fmt.Errorf("read frames: %w", err)
		}
		n++
	}
	return n, nil
}
