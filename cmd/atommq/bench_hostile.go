package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"atommq/stompgw/stomp"
)

const (
	benchHostiles    = 100
	benchIdlers      = 10_000
	benchHostilePace = 10 * time.Millisecond // between what each well-behaved client sends
	benchLargeFeed   = "/feeds/large"
)

// benchHostile measures how long well-behaved clients wait while nobody else is there, and while
// hostile and idle ones are: the same clients, in turn, on one server, which is a process of its
// own and shares the processors with all of them.
func benchHostile(ctx context.Context, b *bench) (err error) {
	files, err := openableFiles()
	if err != nil {
		return err
	}
	self, err := thisProgram()
	if err != nil {
		return err
	}
	server, err := b.startServer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if err := server.publishLarge(ctx); err != nil {
		return err
	}
	idlers := min(benchIdlers, files-1000)
	var quiet, beset politeDelays
	for range benchRounds {
		b.say("well-behaved clients alone")
		if err := quiet.measure(ctx, server, b.time/benchRounds); err != nil {
			return err
		}
		b.say("well-behaved clients beside hostile ones")
		err := beside(ctx, self, server, idlers, func(ctx context.Context) error { return beset.measure(ctx, server, b.time/benchRounds) })
		if err == nil {
			err = server.awaitFarewells(ctx)
		}
		if err != nil {
			return err
		}
	}
	what := fmt.Sprintf("beside %d hostile and %s idle connections", benchHostiles, thousands(float64(idlers)))
	for _, f := range []struct {
		what         string
		quiet, beset []time.Duration
	}{
		{"a POST, p99 ", quiet.posts, beset.posts},
		{"from POST to a stream, p99 ", quiet.events, beset.events},
		{"from SEND to MESSAGE of a queue, p99 ", quiet.messages, beset.messages},
	} {
		b.report(finding{Section: "hostile", What: f.what + what, Unit: "ms", Value: percentile(f.beset, 99),
			Ceiling: percentile(f.quiet, 99), CeilingWhat: "without them", Budget: budget{AtMostRatio: 2}})
	}
	return nil
}

// awaitFarewells waits until the server has closed what its clients closed.
func (s *benchServer) awaitFarewells(ctx context.Context) error {
	const few = 100
	for end := time.Now().Add(tallyPatience); ; {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
		switch {
		case err != nil:
			return fmt.Errorf("count the server's connections: %w", err)
		case len(open) < few:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("the server has %d files open %v after its clients left", len(open), tallyPatience)
		}
		if err := pause(ctx, benchSettle); err != nil {
			return err
		}
	}
}

// publishLarge makes a feed that hostile clients ask for and do not read.
func (s *benchServer) publishLarge(ctx context.Context) error {
	c, err := dialBench(ctx, s.address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for range 16 {
		if err := c.do(postRequest(benchLargeFeed, benchEntry(256<<10).XML), http.StatusCreated); err != nil {
			return err
		}
	}
	return nil
}

// beside does something while hostile clients are at work, and others hold connections and do nothing.
func beside(ctx context.Context, program string, s *benchServer, idlers int, do func(context.Context) error) (err error) {
	idle, err := dialBenchStomps(ctx, s.stomp, idlers/2)
	defer idle.close()
	if err != nil {
		return err
	}
	pollers, err := dialAllBench(ctx, s.address, idlers/2)
	defer func() {
		for _, c := range pollers {
			_ = c.conn.Close()
		}
	}()
	if err != nil {
		return err
	}
	others, err := startBesiegers(ctx, program, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, others.leave()) }()
	return do(ctx)
}

// dialAllBench opens connections that have had an answer each.
func dialAllBench(ctx context.Context, address string, n int) (clients []*benchClient, err error) {
	request := getRequest("/healthz", "")
	for range n {
		conn, err := dialTCP(ctx, address)
		if err != nil {
			return clients, err
		}
		c := &benchClient{conn, make([]byte, smallBuffer)}
		clients = append(clients, c)
		if err := c.do(request, http.StatusOK); err != nil {
			return clients, err
		}
	}
	return clients, nil
}

// politeDelays is how long well-behaved clients waited.
type politeDelays struct{ posts, events, messages []time.Duration }

// measure has them work for d.
func (p *politeDelays) measure(ctx context.Context, s *benchServer, d time.Duration) error {
	clients, ctx := errgroup.WithContext(ctx)
	clients.Go(func() error { return p.post(ctx, s.address, d) })
	clients.Go(func() error { return p.send(ctx, s.stomp, d) })
	return clients.Wait()
}

// post posts entries at an even pace, each once the one before came to a reader.
func (p *politeDelays) post(ctx context.Context, address string, d time.Duration) error {
	publisher, err := dialBench(ctx, address)
	if err != nil {
		return err
	}
	defer publisher.conn.Close()
	const path = "/feeds/polite"
	request := postRequest(path, benchEntry(benchEntryBytes).XML)
	if err := publisher.do(request, http.StatusCreated); err != nil { // makes the feed
		return err
	}
	reader, err := dialEvents(ctx, address, path)
	if err != nil {
		return err
	}
	defer reader.conn.Close()
	return evenly(ctx, d, func() error {
		start, had := time.Now(), reader.events
		if err := publisher.do(request, http.StatusCreated); err != nil {
			return err
		}
		p.posts = append(p.posts, time.Since(start))
		for reader.events == had {
			if err := reader.next(); err != nil {
				return err
			}
		}
		p.events = append(p.events, time.Since(start))
		return nil
	})
}

// send sends messages to a queue at an even pace, and takes each of them.
func (p *politeDelays) send(ctx context.Context, address string, d time.Duration) error {
	c, err := dialBenchStomp(ctx, address)
	if err != nil {
		return err
	}
	defer c.Close()
	const queue = "/queue/polite.work" // not the feed that is posted to
	if err := c.subscribe(queue, "ack", "auto"); err != nil {
		return err
	}
	return evenly(ctx, d, func() error {
		start := time.Now()
		c.append(stomp.SEND, "destination", queue)
		if err := c.flush(); err != nil {
			return err
		}
		if _, err := c.next(stomp.MESSAGE); err != nil {
			return err
		}
		p.messages = append(p.messages, time.Since(start))
		return nil
	})
}

// evenly does something again and again for d.
func evenly(ctx context.Context, d time.Duration, do func() error) error {
	pace := time.NewTicker(benchHostilePace)
	defer pace.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}
