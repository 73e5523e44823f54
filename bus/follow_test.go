package bus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

// drain follows feed from the cursor until it has seen the entry titled last.
func drain(t *testing.T, b *bus.Bus, feed string, after int64, last string) []string {
	s := b.Follow(bus.Only(feed), after)
	defer s.Close()
	var seen []string
	for {
		page, err := s.Next(context.Background(), 1+rand.IntN(20))
		if err != nil {
			t.Errorf("Next: %v", err)
			return seen
		}
		for i, e := range page {
			if e.ID <= after {
				t.Errorf("id %d came after %d", e.ID, after)
			}
			after = e.ID
			seen = append(seen, page[i].Title)
			if e.Title == last {
				return seen
			}
		}
	}
}

func TestFollowersSeeEachEntryOnceAndInOrder(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			store := &bustest.Memory{}
			var buses []*bus.Bus
			for range nodes {
				buses = append(buses, open(t, store, store, bus.Config{CacheBytes: 64 << 10}))
			}
			const writers, each = 6, 300
			var writing, reading sync.WaitGroup
			for i := range 2 * len(buses) {
				reading.Go(func() {
					seen := drain(t, buses[i%len(buses)], "x", 0, "end")
					sorted := slices.Sorted(slices.Values(seen))
					if len(seen) != writers*each+1 || len(slices.Compact(sorted)) != len(seen) {
						t.Errorf("a follower saw %d entries, %d different, want %d", len(seen), len(slices.Compact(sorted)), writers*each+1)
					}
				})
			}
			for w := range writers {
				writing.Go(func() {
					b := buses[w%len(buses)]
					for i := range each {
						publish(t, b, post("x", fmt.Sprintf("%d/%d", w, i)), post("y", "other"))
					}
				})
			}
			writing.Wait()
			publish(t, buses[0], post("x", "end"))
			reading.Wait()
		})
	}
}

func TestAFollowerOfAFeedToComeSeesItsFirstEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &bustest.Memory{}, nil, bus.Config{})
		var reading sync.WaitGroup
		reading.Go(func() { drain(t, b, "x", 0, "first") })
		synctest.Wait()
		publish(t, b, post("x", "first"))
		reading.Wait()
		b.Close()
	})
}

func TestAFollowerMayLeave(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	cause := errors.New("client gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	s := b.Follow(bus.Only("x"), 0)
	if _, err := s.Next(ctx, 1); !errors.Is(err, cause) {
		t.Errorf("Next: %v, want the cause", err)
	}
	s.Close()
	s.Close()
}

func TestAnEditReachesAFollowerAtItsNewPlace(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	a := publish(t, b, post("x", "a"), post("x", "b"))[0]
	read(t, b, bus.Query{Feed: "x"})
	s := b.Follow(bus.Only("x"), 2)
	defer s.Close()
	if _, err := b.Replace(context.Background(), "x", a.UUID, post("x", "A").Entry, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Remove(context.Background(), "x", a.UUID, 0); err != nil {
		t.Fatal(err)
	}
	page, err := s.Next(context.Background(), 10)
	if err != nil || len(page) != 1 || !page[0].Deleted || page[0].ID != 4 {
		t.Fatalf("Next = %v, %v; want the tombstone alone", titles(page), err)
	}
}

// flaky is a Notifier that breaks off at once, the first times.
type flaky struct {
	bus.Notifier
	left atomic.Int64
}

func (f *flaky) Watch(ctx context.Context, changed func()) error {
	if f.left.Add(-1) >= 0 {
		return errors.New("connection lost")
	}
	return f.Notifier.Watch(ctx, changed)
}

func TestWhatCameWhileWatchingWasBrokenOffIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		notifier := &flaky{Notifier: store}
		notifier.left.Store(3)
		b, other := open(t, store, notifier, bus.Config{}), open(t, store, nil, bus.Config{})
		var reading sync.WaitGroup
		reading.Go(func() { drain(t, b, "x", 0, "told by nobody") })
		synctest.Wait()
		publish(t, other, post("x", "told by nobody"))
		reading.Wait()
		b.Close()
		other.Close()
	})
}

func TestSettingsOfAnotherProcessAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		b, other := open(t, store, store, bus.Config{}), open(t, store, store, bus.Config{})
		publish(t, b, post("x", "a"))
		read(t, b, bus.Query{Feed: "x"})
		title := "X"
		if _, err := other.Configure(context.Background(), "x", bus.Settings{Title: &title}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := read(t, b, bus.Query{Feed: "x"}).Feed.Title; got != "X" {
			t.Errorf("title = %q, want X", got)
		}
		b.Close()
		other.Close()
	})
}

// TestMemoryAnswersAsTheStoreDoes compares, over random histories, what a bus with a
// cache of every size says with what the store says.
func TestMemoryAnswersAsTheStoreDoes(t *testing.T) {
	for _, cache := range []int{1, 20_000, 1 << 20} {
		t.Run(fmt.Sprint(cache, " bytes"), func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, uint64(cache)))
			store := &bustest.Memory{}
			b := open(t, store, nil, bus.Config{CacheBytes: cache})
			var live []*bus.Entry
			for step := range 500 {
				feed := fmt.Sprint("feed ", r.IntN(3))
				switch n := r.IntN(20); {
				case n < 12:
					for _, p := range publish(t, b, post(feed, fmt.Sprint(step))) {
						live = append(live, p.Entry)
					}
				case n < 18 && len(live) > 0:
					i := r.IntN(len(live))
					e, err := edit(b, live[i], n < 15)
					if err != nil && !errors.Is(err, bus.ErrNoEntry) {
						t.Fatal(err)
					}
					live = slices.Delete(live, i, i+1)
					if err == nil && !e.Deleted {
						live = append(live, e)
					}
				case n == 18:
					if _, err := b.Prune(context.Background(), feed, r.Int64N(b.Head()+1)/2); err != nil && !errors.Is(err, bus.ErrNoFeed) {
						t.Fatal(err)
					}
				}
				if r.IntN(3) == 0 { // looking at a feed must not spoil reading it
					if f, err := b.Feed(context.Background(), feed); err == nil && f.Name != feed {
						t.Fatalf("Feed(%q) = %+v", feed, f)
					}
				}
				q := bus.Query{Feed: feed, Limit: 1 + r.IntN(30), Bytes: 200 + r.IntN(3000)}
				if q.Newest = r.IntN(2) == 0; q.Newest {
					q.Before = r.Int64N(b.Head() + 2)
				} else {
					q.After = r.Int64N(b.Head() + 2)
				}
				compare(t, b, store, q)
			}
		})
	}
}

func edit(b *bus.Bus, e *bus.Entry, replace bool) (*bus.Entry, error) {
	if replace {
		return b.Replace(context.Background(), e.Feed, e.UUID, post(e.Feed, e.Title+"'").Entry, 0)
	}
	return b.Remove(context.Background(), e.Feed, e.UUID, 0)
}

func compare(t *testing.T, b *bus.Bus, store bus.Store, q bus.Query) {
	t.Helper()
	ctx := context.Background()
	f, err := store.Feed(ctx, q.Feed)
	if err != nil {
		return
	}
	got, err := b.Read(ctx, q)
	if !q.Newest && q.After > 0 && q.After < f.Pruned {
		var gap *bus.GapError
		if !errors.As(err, &gap) {
			t.Fatalf("Read(%+v): %v, want a gap up to %d", q, err, f.Pruned)
		}
		return
	}
	if err != nil {
		t.Fatalf("Read(%+v): %v", q, err)
	}
	want, err := store.Read(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(members(want), members(got.Entries)); diff != "" {
		t.Fatalf("Read(%+v) (-store +bus):\n%s", q, diff)
	}
	if diff := cmp.Diff(f, got.Feed); diff != "" {
		t.Fatalf("feed of Read(%+v) (-store +bus):\n%s", q, diff)
	}
	if n := len(want); n > 0 {
		q.After, q.Before = want[n-1].ID, 0
		if q.Newest {
			q.After, q.Before = 0, want[n-1].ID
		}
		beyond, err := store.Read(ctx, q)
		if err != nil || got.More != (len(beyond) > 0) {
			t.Fatalf("More = %v, but %d entries lie beyond (%v)", got.More, len(beyond), err)
		}
	}
}

func members(entries []*bus.Entry) []feeds.Member {
	out := make([]feeds.Member, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Member)
	}
	return out
}

func TestAnIdleFollowerWaitsWithoutWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var queries atomic.Int64
		store := &bustest.Memory{BeforeRead: func() error { queries.Add(1); return nil }}
		b := open(t, store, store, bus.Config{})
		publish(t, b, post("x", "a"))
		s := b.Follow(bus.Only("x"), 1)
		defer s.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		if _, err := s.Next(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next: %v, want the deadline", err)
		}
		if n := queries.Load(); n > 10 {
			t.Errorf("an hour of waiting cost %d queries", n)
		}
		b.Close()
	})
}
