package bustest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

func testLimits(t *testing.T, s *suite) {
	ctx := context.Background()
	s.twoAccounts()
	wanted := func(want map[string]bus.Limits) {
		t.Helper()
		if diff := cmp.Diff(want, s.roll().Limits); diff != "" {
			t.Fatalf("Limits (-want +got):\n%s", diff)
		}
	}
	wanted(nil)
	ann := bus.Limits{bus.LimitRequests: 100, bus.LimitBytes: 10 << 40, bus.LimitFeeds: 0, bus.LimitConnections: bus.Unlimited, bus.LimitSubscriptions: 5}
	all := bus.Limits{bus.LimitFeeds: 7}
	s.ok(s.SetLimits(ctx, "ann", bus.Limits{bus.LimitFeeds: 3}), s.SetLimits(ctx, "ann", ann), s.SetLimits(ctx, "böb", all),
		s.SetLimits(ctx, bus.Anonymous, all), s.SetLimits(ctx, bus.Everyone, all))
	wanted(map[string]bus.Limits{"ann": ann, "böb": all, bus.Anonymous: all, bus.Everyone: all})
	s.ok(s.SetLimits(ctx, bus.Anonymous, nil), s.RemoveAccount(ctx, "böb"))
	wanted(map[string]bus.Limits{"ann": ann, bus.Everyone: all})
}

func testOwnedFeeds(t *testing.T, s *suite) {
	ctx := context.Background()
	s.twoAccounts()
	s.must(publishing(entry("there", "a")))
	make := func(name, owner string, most int64, want error) {
		t.Helper()
		if err := s.MakeFeed(ctx, name, owner, most); !errors.Is(err, want) {
			t.Fatalf("MakeFeed of %s for %s: %v, want %v", name, owner, err, want)
		}
	}
	make("there", "ann", 0, nil) // it is somebody's already
	make("a", "ann", 2, nil)
	make("b", "ann", 2, nil)
	make("b", "ann", 2, nil)
	make("c", "ann", 2, bus.ErrFeedsMade)
	if _, err := s.Feed(ctx, "c"); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("a refused feed: %v", err)
	}
	if n, err := s.CountFeeds(ctx, "ann"); n != 2 || err != nil {
		t.Errorf("CountFeeds: %d, %v; want 2", n, err)
	}
	make("c", bus.Anonymous, 1, nil)
	make("d", "böb", bus.Unlimited, nil)
	make("e", "böb", 1, bus.ErrFeedsMade)
	s.must(publishing(entry("a", "first")), sentThrough("b", "first"))
	if f, err := s.Feed(ctx, "b"); err != nil || !f.UntilAcked || f.Entries != 1 || f.Owner != "ann" {
		t.Errorf("a feed's first entry does not decide what it keeps, or the feed is not ann's: %+v, %v", f, err)
	}
	if f, err := s.Feed(ctx, "there"); err != nil || f.Owner != "" {
		t.Errorf("a feed that was there is %q's, %v", f.Owner, err)
	}
	s.must(&bus.Op{Kind: bus.OpDrop, Drop: "a"})
	make("c2", "ann", 2, nil)
	make("f", "ann", 2, bus.ErrFeedsMade)
	s.ok(s.RemoveAccount(ctx, "ann"), s.AddAccount(ctx, bus.Account{Name: "ann", Created: s.at}))
	if f, err := s.Feed(ctx, "b"); err != nil || f.Owner != "" {
		t.Errorf("a feed of a removed account is %q's, %v", f.Owner, err)
	}
	make("f", "ann", 1, nil)
}

func testOwnedFeedsTogether(t *testing.T, s *suite) {
	var made, refused atomic.Int64
	var makers sync.WaitGroup
	for i := range 8 {
		makers.Go(func() {
			for j := range 5 {
				switch err := s.MakeFeed(context.Background(), fmt.Sprint("feed", i, j), "ann", 7); {
				case err == nil:
					made.Add(1)
				case errors.Is(err, bus.ErrFeedsMade):
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	makers.Wait()
	if made.Load() != 7 || refused.Load() != 33 {
		t.Errorf("%d feeds made and %d refused, want 7 and 33", made.Load(), refused.Load())
	}
}

// sentThrough publishes an entry through the default queue of a feed.
func sentThrough(feed, title string) *bus.Op {
	op := publishing(entry(feed, title))
	op.Posts[0].Queue = bus.DefaultQueue
	return op
}
