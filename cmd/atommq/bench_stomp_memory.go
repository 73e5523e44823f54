package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"atommq/stompgw/stomp"
)

const (
	benchIdle          = 10_000 // connections
	benchSubscribers   = 10     // connections that share the subscriptions
	benchSubscriptions = 1_000_000
	benchQueueCount    = 10_000 // that the subscriptions are to
	benchManyQueues    = 100_000
)

// growth measures how much more memory a server holds after clients did something, in bytes. What
// they hold open stays so meanwhile.
func (b *bench) growth(ctx context.Context, what string, do func(context.Context, *benchServer) (benchStomps, error)) (bytes float64, err error) {
	b.grown++
	name, err := b.database(ctx, fmt.Sprint("atommq", b.grown))
	if err != nil {
		return 0, err
	}
	server, err := startBenchServer(ctx, name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	b.say("starting a server")
	before, err := server.settle()
	if err != nil {
		return 0, err
	}
	b.say(what)
	clients, err := do(ctx, server)
	defer clients.close()
	if err != nil {
		return 0, err
	}
	b.say("waiting for memory to be given back")
	after, err := server.settle()
	return (after - before) * (1 << 20), err
}

// benchIdleConnections measures what a connection holds that does nothing.
func benchIdleConnections(ctx context.Context, b *bench) error {
	n, err := openableFiles()
	if err != nil {
		return err
	}
	const others = 100 // files that both processes have open besides
	n = min(benchIdle, n-others)
	bytes, err := b.growth(ctx, "connecting", func(ctx context.Context, s *benchServer) (benchStomps, error) {
		return dialBenchStomps(ctx, s.stomp, n)
	})
	if err != nil {
		return err
	}
	what := thousands(float64(n)) + " idle connections, each"
	if n < benchIdle {
		what += " (more need a higher ulimit -n)"
	}
	b.report(finding{Section: "connections", What: what, Unit: "kB", Value: bytes / float64(n) / 1000, Budget: budget{AtMost: 20}})
	return nil
}

// openableFiles returns how many files a process may have open.
func openableFiles() (int, error) {
	limits, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		return 0, fmt.Errorf("memory is measured on Linux only: %w", err)
	}
	_, rest, _ := strings.Cut(string(limits), "Max open files")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("/proc/self/limits does not tell how many files may be open")
	}
	return strconv.Atoi(fields[0])
}

// benchManySubscriptions measures what a subscription holds: to topics of their own, and to queues.
func benchManySubscriptions(ctx context.Context, b *bench) error {
	topics, err := b.growth(ctx, "subscribing to topics", subscribing(func(n int) string { return "/topic/t" + strconv.Itoa(n) }))
	if err != nil {
		return err
	}
	queues, err := b.growth(ctx, "subscribing to queues", subscribing(func(n int) string { return "/queue/q" + strconv.Itoa(n%benchQueueCount) }))
	if err != nil {
		return err
	}
	b.report(
		finding{Section: "subscriptions", What: "1,000,000 subscriptions to topics over 10 connections, each", Unit: "B",
			Value: topics / benchSubscriptions, Budget: budget{AtMost: 150}},
		finding{Section: "subscriptions", What: "1,000,000 subscriptions to 10,000 queues over 10 connections, each", Unit: "B",
			Value: queues / benchSubscriptions, Budget: budget{AtMost: 300}},
	)
	return nil
}

// subscribing shares subscriptions among connections.
func subscribing(destination func(n int) string) func(context.Context, *benchServer) (benchStomps, error) {
	return func(ctx context.Context, s *benchServer) (benchStomps, error) {
		clients, err := dialBenchStomps(ctx, s.stomp, benchSubscribers)
		if err != nil {
			return nil, err
		}
		const share = benchSubscriptions / benchSubscribers
		return clients, clients.each(func(i int, c *benchStomp) error {
			for n := i * share; n < (i+1)*share; n++ {
				c.append(stomp.SUBSCRIBE, "id", strconv.Itoa(n), "destination", destination(n))
				if err := c.flushFull(); err != nil {
					return err
				}
			}
			return c.sync()
		})
	}
}

// flushFull writes what was appended when it is much.
func (c *benchStomp) flushFull() error {
	if len(c.out) < 64<<10 {
		return nil
	}
	return c.flush()
}

// sync waits until the gateway has done all that was sent.
func (c *benchStomp) sync() error {
	_, err := c.request(stomp.SEND, "destination", "/control/count-subscribers"+benchTopic)
	return err
}

// benchWaitingQueues measures what queues hold that nobody looks at.
func benchWaitingQueues(ctx context.Context, b *bench) error {
	bytes, err := b.growth(ctx, "sending to 100,000 queues", func(ctx context.Context, s *benchServer) (benchStomps, error) {
		clients, err := dialBenchStomps(ctx, s.stomp, benchSubscribers)
		if err != nil {
			return nil, err
		}
		defer clients.close()
		return nil, clients.each(func(i int, c *benchStomp) error {
			for n := i; n < benchManyQueues; n += benchSubscribers {
				c.out = stomp.AppendCommand(c.out, stomp.SEND)
				c.out = stomp.AppendHeader(c.out, stomp.V12, "destination", "/queue/q"+strconv.Itoa(n))
				c.out = stomp.AppendBody(c.out, []byte(benchBody))
				if err := c.flushFull(); err != nil {
					return err
				}
			}
			return c.sync()
		})
	})
	if err != nil {
		return err
	}
	b.report(finding{Section: "queues", What: "100,000 queues of one message add", Unit: "MB", Value: bytes / 1e6, Budget: budget{AtMost: 30}})
	return nil
}
