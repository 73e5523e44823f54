package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"atommq/stompgw/stomp"
)

const (
	benchPace      = time.Millisecond // between messages whose way is timed
	benchCounted   = 1_000_000        // messages that wait while they are counted
	benchQuestions = 1000
)

// benchLatency measures how long messages take from SEND to MESSAGE when a thousand a second are
// sent, through a queue, beside how long a raw commit takes.
func benchLatency(ctx context.Context, b *bench) error {
	return b.besideRaw(ctx, func(g *benchGateway, raw *rawTable) error {
		var halves []float64
		whole, err := b.compare(ctx, "1,000 messages a second",
			func(ctx context.Context, d time.Duration) (float64, error) {
				delays, err := g.delays(ctx, d)
				halves = append(halves, percentile(delays, 50))
				return percentile(delays, 99), err
			},
			func(ctx context.Context, d time.Duration) (float64, error) {
				delays, err := raw.delays(ctx, d)
				return percentile(delays, 99), err
			})
		if err != nil {
			return err
		}
		b.report(
			finding{Section: "latency", What: "send to delivery at 1,000 messages/s, p50", Unit: "ms", Value: median(halves)},
			finding{Section: "latency", What: "send to delivery at 1,000 messages/s, p99", Unit: "ms",
				Value: whole[0], Ceiling: whole[1], CeilingWhat: "a raw commit, p99", Budget: b.budget(budget{AtMost: 3}, budget{})},
		)
		return nil
	})
}

// delays sends at an even pace for d, and returns how long each message took.
func (g *benchGateway) delays(ctx context.Context, d time.Duration) ([]time.Duration, error) {
	takers, err := g.consumers(ctx, 1)
	if err != nil {
		return nil, err
	}
	sender, err := dialBenchStomp(ctx, g.address)
	if err != nil {
		takers.close()
		return nil, err
	}
	var (
		taker   = takers[0]
		clients = benchStomps{sender, taker}
		delays  = make([]time.Duration, 0, d/benchPace+1)
		taken   = newTally(1)
	)
	err = clients.during(ctx, func(ctx context.Context) error {
		sent, err := sender.sendEvenly(ctx, d)
		if err != nil {
			return err
		}
		return taken.wait(ctx, taken.sum, sent)
	}, func(_ int, c *benchStomp) error {
		if c == sender {
			return c.readReceipts()
		}
		return c.takeTimes(func(delay time.Duration) {
			delays = append(delays, delay)
			taken.set(0, int64(len(delays)))
		})
	})
	return delays, err
}

// sendEvenly sends messages that say when they were sent, with a receipt for each.
func (c *benchStomp) sendEvenly(ctx context.Context, d time.Duration) (sent int64, err error) {
	body := []byte(benchBody)
	send := newBenchSend(benchQueue)
	pace := time.NewTicker(benchPace)
	defer pace.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return sent, context.Cause(ctx)
		}
		sent++
		c.out = append(strconv.AppendInt(append(c.out, send.before...), sent, 10), '\n')
		strconv.AppendInt(body[:0], time.Now().UnixNano(), 10) // over the body's beginning
		c.out = stomp.AppendBody(c.out, body)
		if err := c.flush(); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

func (c *benchStomp) readReceipts() error {
	for {
		if _, err := c.next(stomp.RECEIPT); err != nil {
			return err
		}
	}
}

// stampDigits is the length of a time in nanoseconds since 1970, from 2001 to 2286.
const stampDigits = 19

// takeTimes acknowledges what sendEvenly sent, and tells told how long each message took.
func (c *benchStomp) takeTimes(told func(time.Duration)) error {
	for {
		f, err := c.next(stomp.MESSAGE)
		if err != nil {
			return err
		}
		at, err := strconv.ParseInt(string(f.Body[:min(stampDigits, len(f.Body))]), 10, 64)
		if err != nil {
			return fmt.Errorf("message with the body %q: %w", f.Body, err)
		}
		told(time.Duration(time.Now().UnixNano() - at))
		c.appendAck(f)
		c.out = append(c.out, "\n\x00"...)
		if err := c.flush(); err != nil {
			return err
		}
	}
}

// delays commits one message after another for d, and returns how long each took.
func (r *rawTable) delays(ctx context.Context, d time.Duration) ([]time.Duration, error) {
	var delays []time.Duration
	_, err := rate(ctx, d, 1, func(int) (int, error) {
		start := time.Now()
		err := r.transact(func() error { return r.offer(1) })
		delays = append(delays, time.Since(start))
		return 1, err
	})
	return delays, err
}

// percentile returns the time, in milliseconds, that so many percent of delays do not exceed; 0 for none.
func percentile(delays []time.Duration, percent int) float64 {
	if len(delays) == 0 {
		return 0
	}
	slices.Sort(delays)
	return float64(delays[(len(delays)-1)*percent/100].Nanoseconds()) / 1e6
}

// benchCount measures how long the gateway takes to say how many messages wait.
func benchCount(ctx context.Context, b *bench) (err error) {
	g, err := b.openGateway(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	b.say("sending a million messages")
	if err := g.fillQueue(ctx, benchCounted); err != nil {
		return err
	}
	client, err := dialBenchStomp(ctx, g.address)
	if err != nil {
		return err
	}
	defer client.Close()
	b.say("counting a million messages")
	delays := make([]time.Duration, benchQuestions)
	for i := range delays {
		start := time.Now()
		f, err := client.request(stomp.SEND, "destination", "/control/count-msgs"+benchQueue)
		if err != nil {
			return err
		}
		delays[i] = time.Since(start)
		if n, _ := f.Get("num-messages"); string(n) != strconv.Itoa(benchCounted) {
			return fmt.Errorf("%s messages are counted, not %d", n, benchCounted)
		}
	}
	b.report(
		finding{Section: "count", What: "count-msgs of 1,000,000 waiting, p50", Unit: "ms", Value: percentile(delays, 50)},
		finding{Section: "count", What: "count-msgs of 1,000,000 waiting, p99", Unit: "ms", Value: percentile(delays, 99), Budget: budget{AtMost: 2}},
	)
	return nil
}
