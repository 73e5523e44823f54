package bus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
)

func TestASelectionTakesWhatItNames(t *testing.T) {
	s := bus.Select([]string{"b", "abc", "a", "b"}, []string{"ab", "abd"})
	for feed, want := range map[string]bool{"a": true, "b": true, "ab": true, "abc": true, "abdx": true, "ac": false, "": false, "bb": false} {
		if s.Has(feed) != want {
			t.Errorf("Has(%q) = %v", feed, !want)
		}
	}
	if diff := cmp.Diff([]string{"a", "b"}, s.Feeds()); diff != "" {
		t.Error("names under a prefix count twice:", diff)
	}
	if diff := cmp.Diff([]string{"ab"}, s.Prefixes()); diff != "" {
		t.Error("prefixes under a prefix count twice:", diff)
	}
	if all := bus.Select(nil, []string{""}); !all.Has("anything") {
		t.Error("the empty prefix does not take every feed")
	}
}

// followMany follows a selection until it has seen the entry titled end, and checks that nothing
// comes twice or out of order.
func followMany(t *testing.T, b *bus.Bus, s bus.Selection) (seen []string) {
	sub := b.Follow(s, 0)
	defer sub.Close()
	var last int64
	for {
		page, err := sub.Next(context.Background(), 1+rand.IntN(20))
		if err != nil {
			t.Errorf("Next: %v", err)
			return seen
		}
		for _, e := range page {
			if e.ID <= last || e.ID > sub.Cursor().After || !s.Has(e.Feed) {
				t.Errorf("%d of %q came after %d; the cursor is %d", e.ID, e.Feed, last, sub.Cursor().After)
			}
			last = e.ID
			seen = append(seen, e.Title)
			if e.Title == "end" {
				return seen
			}
		}
	}
}

func TestFollowersOfSeveralFeedsSeeEachEntryOnceAndInOrder(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		for _, cache := range []int{16 << 10, 8 << 20} { // the log's tail is too short, and long enough
			t.Run(fmt.Sprint(nodes, " nodes, ", cache, " bytes"), func(t *testing.T) {
				store := &bustest.Memory{}
				var buses []*bus.Bus
				for range nodes {
					buses = append(buses, open(t, store, store, bus.Config{CacheBytes: cache}))
				}
				const writers, each = 6, 100
				selection := bus.Select([]string{"x", "y"}, []string{"p"})
				var writing, reading sync.WaitGroup
				for i := range 2 * len(buses) {
					reading.Go(func() {
						seen := followMany(t, buses[i%len(buses)], selection)
						if n := len(slices.Compact(slices.Sorted(slices.Values(seen)))); n != len(seen) || n != 3*writers*each+1 {
							t.Errorf("a follower saw %d entries, %d different, want %d", len(seen), n, 3*writers*each+1)
						}
					})
				}
				for w := range writers {
					writing.Go(func() {
						for i := range each {
							title := fmt.Sprintf("%d/%d", w, i)
							publish(t, buses[w%len(buses)], post("x", title), post("other", title), post("pq", title+"p"), post("y", title+"y"))
						}
					})
				}
				writing.Wait()
				publish(t, buses[0], post("p", "end"))
				reading.Wait()
			})
		}
	}
}

func TestAnIdleFollowerOfSeveralFeedsWaitsWithoutWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var queries atomic.Int64
		store := &bustest.Memory{BeforeRead: func() error { queries.Add(1); return nil }}
		b := open(t, store, store, bus.Config{})
		publish(t, b, post("x", "a"), post("ab", "b"))
		s := b.Follow(bus.Select([]string{"x"}, []string{"ab", "y"}), 2)
		defer s.Close()
		page, changed, err := s.Poll(t.Context(), 10)
		if err != nil || len(page) > 0 {
			t.Fatalf("Poll = %v, %v", titles(page), err)
		}
		for i := range 1000 {
			publish(t, b, post("other", fmt.Sprint(i)))
		}
		synctest.Wait()
		before := queries.Load() // the bus has looked whether all of that was its own
		select {
		case <-changed:
			t.Error("woken by a feed that it does not follow")
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := s.Next(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next: %v, want the deadline", err)
		}
		if n := queries.Load() - before; n > 10 {
			t.Errorf("an hour of waiting behind 1,000 entries of another feed cost %d queries", n)
		}
		if s.Cursor().After != b.Head() {
			t.Errorf("the cursor is %d, and the log's head %d", s.Cursor().After, b.Head())
		}
		publish(t, b, post("abc", "for it"))
		if page, err := s.Next(t.Context(), 10); err != nil || len(page) != 1 || page[0].Title != "for it" {
			t.Errorf("Next = %v, %v", titles(page), err)
		}
		if n := queries.Load() - before; n > 10 {
			t.Errorf("a live entry cost %d queries", n)
		}
		b.Close()
	})
}

// 100 followers share what is read for them when another process writes.
func TestFollowersOfSeveralFeedsShareTheReadingOfWhatOthersWrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		store := &bustest.Memory{BeforeRead: func() error { reads.Add(1); return nil }}
		b, other := open(t, store, store, bus.Config{}), open(t, store, nil, bus.Config{})
		var reading sync.WaitGroup
		var seen atomic.Int64
		for range 100 {
			s := b.Follow(bus.Select(nil, []string{"p"}), 0)
			if _, _, err := s.Poll(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			reading.Go(func() {
				defer s.Close()
				page, err := s.Next(t.Context(), 10)
				if err != nil {
					t.Error(err)
				}
				seen.Add(int64(len(page)))
			})
		}
		synctest.Wait()
		before := reads.Load()
		publish(t, other, post("px", "theirs"))
		reading.Wait()
		if n := reads.Load() - before; seen.Load() != 100 || n > 20 {
			t.Errorf("100 followers saw %d entries with %d queries", seen.Load(), n)
		}
		b.Close()
		other.Close()
	})
}

func TestAnEditReachesFollowersOfSeveralFeedsAtItsNewPlace(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	s := b.Follow(bus.Select([]string{"x", "y"}, nil), 0)
	defer s.Close()
	if _, _, err := s.Poll(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	secret := publish(t, b, post("x", "secret"), post("y", "b"))[0]
	if _, err := b.Remove(t.Context(), "x", secret.UUID, 0); err != nil {
		t.Fatal(err)
	}
	page, err := s.Next(t.Context(), 10)
	if err != nil || len(page) != 2 || page[0].Title != "b" || !page[1].Deleted {
		t.Errorf("Next = %v, %v; what was deleted has to be gone", titles(page), err)
	}
}

func TestFollowersOfSeveralFeedsAreToldOfAGap(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	s := b.Follow(bus.Select([]string{"x", "y"}, nil), 1)
	defer s.Close()
	last := publish(t, b, post("x", "1"), post("y", "2"), post("y", "3"), post("x", "4"))[3]
	if _, err := b.Prune(t.Context(), "y", 2); err != nil {
		t.Fatal(err)
	}
	var gap *bus.GapError
	if _, err := s.Next(t.Context(), 10); !errors.As(err, &gap) || gap.Feed != "y" || gap.Oldest != 3 {
		t.Errorf("Next: %v, want the gap of y", err)
	}
	again := b.Follow(bus.Select([]string{"x", "y"}, nil), 0)
	defer again.Close()
	if page, err := again.Next(t.Context(), 10); err != nil || strings.Join(titles(page), " ") != "1 3 4" || again.Cursor().After != last.ID {
		t.Errorf("from the beginning: %v, %v, cursor %d", titles(page), err, again.Cursor().After)
	}
}

// ReadMany has to say what Read says of one feed after the other.
func TestAPageOfSeveralFeedsHasAllThatTheFeedsHave(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	b := open(t, &bustest.Memory{}, nil, bus.Config{CacheBytes: 100 << 10})
	names := []string{"x", "y", "p", "pq", "pqr", "z"}
	for i := range 400 {
		publish(t, b, post(names[r.IntN(len(names))], fmt.Sprint(i)))
	}
	s := bus.Select([]string{"x", "y", "none"}, []string{"pq"})
	var all []string
	for id := int64(0); id < b.Head(); id++ {
		for _, f := range names {
			if page := read(t, b, bus.Query{Feed: f, After: id, Limit: 1}); s.Has(f) && len(page.Entries) > 0 && page.Entries[0].ID == id+1 {
				all = append(all, page.Entries[0].Title)
			}
		}
	}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	for range 20 {
		q := bus.Query{Limit: 1 + r.IntN(60), Bytes: 100 + r.IntN(4000)}
		if diff := cmp.Diff(all, walk(t, b, s, q)); diff != "" {
			t.Fatalf("oldest first, %+v (-want +got):\n%s", q, diff)
		}
		q.Newest = true
		if diff := cmp.Diff(newest, walk(t, b, s, q)); diff != "" {
			t.Fatalf("newest first, %+v (-want +got):\n%s", q, diff)
		}
	}
}

// walk reads pages to the end.
func walk(t *testing.T, b *bus.Bus, s bus.Selection, q bus.Query) (all []string) {
	t.Helper()
	for {
		page, err := b.ReadMany(t.Context(), s, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Entries) > q.Limit || page.More && len(page.Entries) == 0 {
			t.Fatalf("a page of %d entries, more %v, for %+v", len(page.Entries), page.More, q)
		}
		all = append(all, titles(page.Entries)...)
		if !page.More {
			return all
		}
		if q.Newest {
			q.Before = page.Last
		} else {
			q.After = page.Last
		}
	}
}
