package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	benchWaiters = 100
	benchSettle  = 20 * time.Millisecond // for all requests to wait
)

// benchWake measures how long it takes from when an entry is posted until those who wait for it have their answers, beside how long
// its publisher waits for the 201. The server is a process of its own, and shares the processors with the clients.
func benchWake(ctx context.Context, b *bench) (err error) {
	server, err := b.startServer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	b.say("long polls")
	delays, posts, err := server.wakes(ctx, b.time)
	if err != nil {
		return err
	}
	half := finding{Section: "wake", What: fmt.Sprintf("%d long polls, from the POST to their answers, p50", benchWaiters), Unit: "ms",
		Value: percentile(delays, 50), Ceiling: percentile(posts, 50), CeilingWhat: "to its own"}
	most := half
	most.What = fmt.Sprintf("%d long polls, from the POST to their answers, p99", benchWaiters)
	most.Value, most.Ceiling, most.Budget = percentile(delays, 99), percentile(posts, 99), budget{AtMost: 3}
	b.report(half, most)
	return nil
}

// wakes has clients wait for one entry after the other for d, and returns how long each answer took, and those to the publisher.
func (s *benchServer) wakes(ctx context.Context, d time.Duration) (delays, posts []time.Duration, err error) {
	clients := make([]*benchClient, 1+benchWaiters)
	for i := range clients {
		if clients[i], err = dialBench(ctx, s.address); err != nil {
			return nil, nil, err
		}
		defer clients[i].conn.Close()
	}
	post := postRequest(benchPath, benchEntry(benchEntryBytes).XML)
	publisher, waiters := clients[0], clients[1:]
	if err := publisher.do(post, http.StatusCreated); err != nil {
		return nil, nil, err
	}
	last := 1
	for end := time.Now().Add(d); time.Now().Before(end); last++ {
		request := getRequest(benchPath, fmt.Sprintf("Xlastid: %d\r\nPrefer: wait=30\r\n", last))
		answered := make([]time.Time, len(waiters))
		var waiting errgroup.Group
		for i, c := range waiters {
			waiting.Go(func() error {
				err := c.do(request, http.StatusOK)
				answered[i] = time.Now()
				return err
			})
		}
		if err := pause(ctx, benchSettle); err != nil {
			return nil, nil, err
		}
		start := time.Now()
		if err := publisher.do(post, http.StatusCreated); err != nil {
			return nil, nil, err
		}
		posts = append(posts, time.Since(start))
		if err := waiting.Wait(); err != nil {
			return nil, nil, err
		}
		for _, t := range answered {
			delays = append(delays, t.Sub(start))
		}
	}
	return delays, posts, nil
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
