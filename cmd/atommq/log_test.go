package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// walkFor bounds a test's walk along the log.
const walkFor = 5 * time.Minute

// published is what publishers were told is stored: title → id.
type published struct {
	mu  sync.Mutex
	ids map[string]int64
}

// count returns how many entries there are.
func (p *published) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ids)
}

func (p *published) add(title string, id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = make(map[string]int64)
	}
	p.ids[title] = id
}

// check compares what a walker saw with what was published.
func (p *published) check(t *testing.T, w *walker) {
	t.Helper()
	missing := 0
	for title, id := range p.ids {
		if w.seen[title] != id {
			missing++
			if missing < 5 {
				t.Errorf("%q was acknowledged as %d and seen as %d", title, id, w.seen[title])
			}
		}
	}
	if len(w.seen) != len(p.ids) {
		t.Errorf("%d entries were seen and %d acknowledged", len(w.seen), len(p.ids))
	}
}

func TestEveryPollerSeesEveryEntryOnceAndInOrder(t *testing.T) {
	const publishers, pollers = 8, 8
	each := 5000
	if underRace { // which takes much longer
		each /= 5
	}
	server := startServer(t)
	feed := server.URL + "feeds/orders"
	ctx, cancel := context.WithTimeout(t.Context(), walkFor)
	defer cancel()
	var all published
	var publishing, polling sync.WaitGroup
	var walkers []*walker
	for i := range pollers {
		w := &walker{browser: newBrowser(t, feed), limit: 10 + 140*i}
		walkers = append(walkers, w)
		polling.Go(func() {
			if err := w.walk(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for p := range publishers {
		b := newBrowser(t, feed)
		publishing.Go(func() {
			for i := range each {
				title := fmt.Sprintf("%d/%d", p, i)
				id, err := b.post(title, "")
				if err != nil {
					t.Error(err)
					return
				}
				all.add(title, id)
			}
		})
	}
	publishing.Wait()
	id, err := newBrowser(t, feed).post(endTitle, "")
	if err != nil {
		t.Fatal(err)
	}
	all.add(endTitle, id)
	polling.Wait()
	for _, w := range walkers {
		all.check(t, w)
	}
}

func TestKillLosesNothingAcknowledgedAndKeysPublishOnce(t *testing.T) {
	const publishers, pollers, kills, perLife = 8, 4, 10, 300
	server := startServer(t)
	feed := server.URL + "feeds/orders"
	ctx, cancel := context.WithTimeout(t.Context(), walkFor)
	defer cancel()

	var (
		all                 published
		publishing, polling sync.WaitGroup
		stored              atomic.Int64
		finish              atomic.Bool
		lifeOver            = make(chan struct{}, 1)
	)
	for p := range publishers {
		b := newBrowser(t, feed)
		publishing.Go(func() {
			for i := 0; !finish.Load() && ctx.Err() == nil; i++ {
				title := fmt.Sprintf("%d/%d", p, i)
				all.add(title, insist(ctx, b, title))
				if stored.Add(1)%perLife == 0 {
					select {
					case lifeOver <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	var walkers []*walker
	for range pollers {
		w := &walker{browser: newBrowser(t, feed), limit: 100, lossy: true}
		walkers = append(walkers, w)
		polling.Go(func() {
			if err := w.walk(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for range kills {
		select {
		case <-lifeOver:
		case <-ctx.Done():
			t.Fatal("publishers made no progress")
		}
		if err := server.kill(); err != nil {
			t.Fatal(err)
		}
		server = startServer(t, "--db", server.DB, "--http", server.address())
	}
	finish.Store(true)
	publishing.Wait()
	all.add(endTitle, insist(ctx, newBrowser(t, feed), endTitle))
	polling.Wait()
	for _, w := range walkers {
		all.check(t, w)
	}
	t.Logf("%d entries over %d kills", len(all.ids), kills)
}

// insist publishes under a key until it is told that the entry is stored.
func insist(ctx context.Context, b *browser, title string) int64 {
	for {
		id, err := b.post(title, "key "+title)
		if err == nil {
			return id
		}
		select {
		case <-time.After(rand.N(20 * time.Millisecond)):
		case <-ctx.Done():
			return 0
		}
	}
}
