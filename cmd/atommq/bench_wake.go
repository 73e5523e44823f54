package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"
)

const (
	benchWaiters = 100
	benchSettle  = 20 * time.Millisecond // for all requests to wait
)

// benchWake measures how long it takes from when an entry is posted until those who wait for it
// have their answers, beside those who wait in a bare handler.
func benchWake(ctx context.Context, b *bench) (err error) {
	site, err := b.openSite(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()
	bare, err := openWaitingSite(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.close()) }()
	b.say("long polls")
	ours, err := wakes(ctx, site.address, b.time/2)
	if err != nil {
		return err
	}
	least, err := wakes(ctx, bare.address, b.time/2)
	if err != nil {
		return err
	}
	for _, p := range []struct {
		percent int
		budget  budget
	}{{50, budget{}}, {99, budget{AtMost: 3}}} {
		b.report(finding{Section: "wake", What: fmt.Sprintf("%d long polls, from the POST to their answers, p%d", benchWaiters, p.percent), Unit: "ms",
			Value: percentile(ours, p.percent), Ceiling: percentile(least, p.percent), CeilingWhat: "in a bare handler", Budget: p.budget})
	}
	return nil
}

// openWaitingSite serves the least that wakes waiting requests: a POST has every GET that waits
// answered with the same bytes, and those that come later and have not heard of it.
func openWaitingSite(ctx context.Context) (*benchSite, error) {
	var mu sync.Mutex
	count, posted := 0, make(chan struct{})
	body := benchEntry(benchEntryBytes).XML
	router := chi.NewRouter()
	router.Get("/feeds/{feed}", func(w http.ResponseWriter, r *http.Request) {
		last, _ := strconv.Atoi(r.Header.Get("Xlastid"))
		mu.Lock()
		waits, next := count <= last, posted
		mu.Unlock()
		if waits {
			select {
			case <-next:
			case <-r.Context().Done():
			}
		}
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
		_, _ = w.Write(body)
	})
	router.Post("/feeds/{feed}", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		close(posted)
		count, posted = count+1, make(chan struct{})
		mu.Unlock()
		w.WriteHeader(http.StatusCreated)
	})
	return serveBare(ctx, router)
}

// wakes has clients wait for one entry after the other for d, and returns how long each answer took.
func wakes(ctx context.Context, address string, d time.Duration) (delays []time.Duration, err error) {
	clients := make([]*benchClient, 1+benchWaiters)
	for i := range clients {
		if clients[i], err = dialBench(ctx, address); err != nil {
			return nil, err
		}
		defer clients[i].conn.Close()
	}
	post := postRequest(benchPath, benchEntry(benchEntryBytes).XML)
	publisher, waiters := clients[0], clients[1:]
	if err := publisher.do(post, http.StatusCreated); err != nil {
		return nil, err
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
			return nil, err
		}
		start := time.Now()
		if err := publisher.do(post, http.StatusCreated); err != nil {
			return nil, err
		}
		if err := waiting.Wait(); err != nil {
			return nil, err
		}
		for _, t := range answered {
			delays = append(delays, t.Sub(start))
		}
	}
	return delays, nil
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
