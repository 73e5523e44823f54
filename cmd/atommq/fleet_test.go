package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fleet is two heads and a gateway on one database, under load: publishers and pollers over HTTP,
// producers and consumers over STOMP.
type fleet struct {
	t       *testing.T
	heads   []*process
	gateway *process
	feeds   []string // the feed of the publishers, on each head

	expired                                 <-chan struct{} // closed when it has run for too long
	publishing, polling, producing, working sync.WaitGroup
	finish                                  atomic.Bool
	all                                     published
	walkers                                 []*walker
	producers                               []*stompProducer
	account                                 *account
	stopConsumers                           context.CancelFunc
	refused                                 atomic.Int64 // requests that were answered 503 or 507
}

const (
	fleetPublishers = 4
	fleetPace       = 4 * time.Millisecond // between the requests of one publisher
	healWithin      = 30 * time.Second
)

// launchFleet starts a fleet on the database that url names, and its load.
func launchFleet(t *testing.T, url string) *fleet {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), walkFor)
	t.Cleanup(cancel)
	f := &fleet{t: t, expired: ctx.Done(), account: newAccount()}
	for range 2 {
		head := start(t, "serve", "--db", url)
		f.heads = append(f.heads, head)
		f.feeds = append(f.feeds, head.URL+"feeds/log")
	}
	f.gateway = start(t, "gateway", "--db", url)
	for i := range fleetPublishers {
		b := newBrowser(t, f.feeds[i%2])
		f.publishing.Go(func() { f.publish(b, i) })
	}
	for i := range f.heads {
		w := &walker{browser: newBrowser(t, f.feeds[i]), limit: 100, lossy: true}
		f.walkers = append(f.walkers, w)
		f.polling.Go(func() {
			if err := w.walk(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	f.startStomp(ctx)
	return f
}

func (f *fleet) isExpired() bool {
	select {
	case <-f.expired:
		return true
	default:
		return false
	}
}

// publish publishes entries under keys of their own, each until it is acknowledged.
func (f *fleet) publish(b *browser, name int) {
	pace := time.NewTicker(fleetPace)
	defer pace.Stop()
	for i := 0; !f.finish.Load(); i++ {
		title := fmt.Sprintf("%d/%d", name, i)
		id, ok := f.insist(b, title)
		if !ok {
			return
		}
		f.all.add(title, id)
		<-pace.C
	}
}

// insist publishes an entry until it is acknowledged. All other answers must be a 503, or a 507
// where a disk is full, that says when to come again.
func (f *fleet) insist(b *browser, title string) (id int64, ok bool) {
	for !f.isExpired() {
		id, err := b.post(title, "key "+title)
		if err == nil {
			return id, true
		}
		refusal, answered := errors.AsType[*statusError](err)
		if !answered || refusal.status != http.StatusServiceUnavailable && refusal.status != http.StatusInsufficientStorage || refusal.retryAfter == "" {
			f.t.Errorf("publish: %v (Retry-After %q)", err, refusal.after())
			return 0, false
		}
		f.refused.Add(1)
	}
	f.t.Errorf("%q was never published", title)
	return 0, false
}

// startStomp has producers send to the gateway, and consumers take from it and from a head.
func (f *fleet) startStomp(ctx context.Context) {
	for name, burst := range []int{1, 20} {
		p := &stompProducer{name: name, burst: burst, address: f.gateway.Stomp, faults: true}
		f.producers = append(f.producers, p)
		pace := time.NewTicker(fleetPace)
		f.t.Cleanup(pace.Stop)
		f.producing.Go(func() {
			if err := p.produce(ctx, &f.finish, func() { <-pace.C }); err != nil {
				f.t.Error(err)
			}
		})
	}
	consuming, stop := context.WithCancel(ctx)
	f.stopConsumers = stop
	for _, address := range []string{f.gateway.Stomp, f.heads[0].Stomp} {
		c := &stompConsumer{account: f.account, address: address, group: "default", faults: true}
		f.working.Go(func() {
			if err := c.consume(consuming); err != nil {
				f.t.Error(err)
			}
		})
	}
}

// ready asks a head whether it is.
func (f *fleet) ready(head *process) bool {
	resp, err := http.Get(head.URL + "readyz")
	if err != nil {
		f.t.Errorf("/readyz: %v", err)
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// wantReady waits until all heads are ready, or none is, and checks that it takes no longer than within.
func (f *fleet) wantReady(ready bool, within time.Duration) {
	f.t.Helper()
	begun := time.Now()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for _, head := range f.heads {
		for f.ready(head) != ready {
			if time.Since(begun) > within {
				f.t.Errorf("/readyz does not say %v after %v", ready, within)
				return
			}
			<-again.C
		}
	}
}

// progress waits until so many entries more are published.
func (f *fleet) progress(n int) {
	f.t.Helper()
	count := func() int {
		f.all.mu.Lock()
		defer f.all.mu.Unlock()
		return len(f.all.ids)
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for want := count() + n; count() < want; {
		select {
		case <-again.C:
		case <-f.expired:
			f.t.Fatal("publishers make no progress")
		}
	}
}

// check ends the load and compares what was acknowledged with what was seen. The nodes must have healed.
func (f *fleet) check() {
	f.t.Helper()
	f.wantReady(true, healWithin)
	f.progress(10)
	f.finish.Store(true)
	f.publishing.Wait()
	if id, ok := f.insist(newBrowser(f.t, f.feeds[1]), endTitle); ok {
		f.all.add(endTitle, id)
	}
	f.polling.Wait()
	for _, w := range f.walkers {
		f.all.check(f.t, w)
	}
	f.producing.Wait()
	for waiting(f.t, f.gateway.DB) > 0 && !f.isExpired() {
	}
	f.stopConsumers()
	f.working.Wait()
	stored := 0
	for _, p := range f.producers {
		f.account.covers(f.t, "default", p.stored)
		stored += len(p.stored)
	}
	f.t.Logf("%d entries and %d messages acknowledged, %d requests refused", len(f.all.ids), stored, f.refused.Load())
	if len(f.all.ids) == 0 || stored == 0 {
		f.t.Error("nothing was acknowledged")
	}
	for _, p := range append(f.heads, f.gateway) {
		if log := p.logged(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
			f.t.Error(log)
		}
	}
}
