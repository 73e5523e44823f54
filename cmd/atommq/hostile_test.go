package main

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// politePatience is how long a well-behaved client may wait at worst. It is far from what an answer
// takes, and less than most hostile clients are given.
const politePatience = 20 * time.Second

func TestHostileClientsAreCutOffAndOthersAreServedMeanwhile(t *testing.T) {
	t.Parallel()
	p := startServer(t)
	server := &benchServer{address: p.address(), stomp: p.Stomp}
	if err := server.publishLarge(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := openableFiles()
	if err != nil {
		t.Skip(err)
	}
	limits := map[string]time.Duration{
		"dribbles headers": 10 * time.Second, "does not end CONNECT": 10 * time.Second,
		"dribbles a body": 30 * time.Second, "does not end a frame": 30 * time.Second,
	}
	err = beside(t.Context(), "atommq", server, min(benchIdlers, files-1000), func(ctx context.Context) error {
		var cutting sync.WaitGroup
		for _, h := range hostiles {
			if limit := limits[h.name]; limit > 0 {
				cutting.Go(func() { wantCutOff(t, h, server, limit) })
			}
		}
		over := make(chan struct{})
		go func() { cutting.Wait(); close(over) }()
		return workPolitely(ctx, t, server, over)
	})
	if err != nil {
		t.Error(err)
	}
	told := scrape(t, p.URL+"metrics")
	for _, labels := range []string{`cause="head",protocol="http"`, `cause="body",protocol="http"`, `cause="connect",protocol="stomp"`, `cause="frame",protocol="stomp"`} {
		if name := "atommq_slow_connections_total{" + labels + "}"; told[name] < 1 {
			t.Errorf("%s = %v", name, told[name])
		}
	}
	if log := p.logged(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "panic") {
		t.Error(log)
	}
}

// wantCutOff checks when the server has had enough of a hostile client.
func wantCutOff(t *testing.T, h hostile, s *benchServer, limit time.Duration) {
	begun := time.Now()
	err := h.once(t.Context(), s.address, s.stomp)
	if took := time.Since(begun); took < limit-time.Second || took > 2*limit {
		t.Errorf("who %s is cut off after %v, not %v: %v", h.name, took, limit, err)
	}
}

// workPolitely has well-behaved clients work until over is closed, and checks that none waits for long.
func workPolitely(ctx context.Context, t *testing.T, s *benchServer, over <-chan struct{}) error {
	var all politeDelays
	for {
		if err := all.measure(ctx, s, time.Second); err != nil {
			return err
		}
		select {
		case <-over:
		default:
			continue
		}
		for what, delays := range map[string][]time.Duration{"POSTs": all.posts, "events": all.events, "messages": all.messages} {
			t.Logf("%d %s took %.1f ms, p99 %.1f ms, at most %.1f ms", len(delays), what, percentile(delays, 50), percentile(delays, 99), percentile(delays, 100))
			if percentile(delays, 100) > float64(politePatience.Milliseconds()) {
				t.Errorf("beside hostile clients, %s took up to %.0f ms", what, percentile(delays, 100))
			}
		}
		return nil
	}
}
