package bustest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/feeds"
)

func testKeys(t *testing.T, s *suite) {
	a, b := entry("x", "a"), entry("x", "b")
	s.must(keyed("k", 1, a, b))
	again := keyed("k", 1, entry("x", "a"), entry("x", "b"))
	s.must(again)
	for i, want := range []*bus.Entry{a, b} {
		p := again.Posts[i]
		if !p.Replayed {
			t.Errorf("posting %d is not marked as replayed", i)
		}
		s.wantMember(want.Member, p.Entry)
	}
	s.refused(keyed("k", 2, entry("x", "c"), entry("x", "d")), bus.ErrKeyReused)
	s.must(keyed("k", 2, entry("other feed", "c")))
	s.must(keyed("K", 2, entry("x", "e")))
	s.wantTitles(bus.Query{Feed: "x"}, "a", "b", "e")
	if head := s.head(); head != 4 {
		t.Errorf("Head = %d, want 4", head)
	}
}

func testKeysInOneCommit(t *testing.T, s *suite) {
	first, second := keyed("k", 1, entry("x", "a")), keyed("k", 1, entry("x", "a"))
	third := keyed("k", 3, entry("x", "other"))
	s.commit(first, second, third)
	if first.Err != nil || second.Err != nil || third.Err == nil {
		t.Fatalf("errors: %v, %v, %v", first.Err, second.Err, third.Err)
	}
	if first.Posts[0].Replayed || !second.Posts[0].Replayed {
		t.Errorf("replayed: %v, %v; want the second", first.Posts[0].Replayed, second.Posts[0].Replayed)
	}
	s.wantMember(first.Posts[0].Entry.Member, second.Posts[0].Entry)
	s.wantTitles(bus.Query{Feed: "x"}, "a")
}

func testReplayAfterEdits(t *testing.T, s *suite) {
	a := entry("x", "a")
	s.must(keyed("k", 1, a))
	s.must(replacing(a, "A", 0))
	replay := func() *bus.Entry {
		op := keyed("k", 1, entry("x", "a"))
		s.must(op)
		return op.Posts[0].Entry
	}
	if got := replay(); got.Title != "A" || got.ID != 2 {
		t.Errorf("after a replacement: %+v", got.Member)
	}
	early := keyed("k", 1, entry("x", "a"))
	s.must(early, removing(a, 0))
	for _, got := range []*bus.Entry{early.Posts[0].Entry, replay()} {
		if !got.Deleted || got.ID != 3 {
			t.Errorf("after a removal, or in its commit: %+v", got.Member)
		}
	}
	if _, err := s.Prune(context.Background(), "x", 3, 10); err != nil {
		t.Fatal(err)
	}
	if got := replay(); got.UUID != a.UUID || got.ID != 1 || got.Feed != "x" {
		t.Errorf("after pruning: %+v", got.Member)
	}
}

func testForgetKeys(t *testing.T, s *suite) {
	s.must(keyed("old", 1, entry("x", "a")))
	s.must(keyed("new", 1, entry("x", "b")))
	forget := func(at time.Time, limit, want int) {
		t.Helper()
		n, err := s.ForgetKeys(context.Background(), at, limit)
		if err != nil || n != want {
			t.Fatalf("ForgetKeys = %d, %v, want %d", n, err, want)
		}
	}
	forget(s.at.Add(-time.Second), 10, 0)
	forget(s.at, 10, 1)
	forget(s.at, 10, 0)
	fresh, known := keyed("old", 2, entry("x", "c")), keyed("new", 1, entry("x", "b"))
	s.must(fresh, known)
	if fresh.Posts[0].Replayed || !known.Posts[0].Replayed {
		t.Errorf("replayed: %v, %v; want the second", fresh.Posts[0].Replayed, known.Posts[0].Replayed)
	}
	forget(s.at.Add(time.Second), 1, 1)
	forget(s.at.Add(time.Second), 1, 1)
	forget(s.at.Add(time.Second), 1, 0)
}

func testCounts(t *testing.T, s *suite) {
	a, b, c := entry("x", "a"), entry("x", "bb"), entry("x", "ccc")
	s.must(publishing(a, b), publishing(c))
	want := func(entries int64, live ...*bus.Entry) {
		t.Helper()
		f := s.feed("x")
		var bytes int64
		for _, e := range live {
			bytes += int64(len(e.XML))
		}
		if f.Entries != entries || f.Bytes != bytes || f.LastID != s.head() || !f.Updated.Equal(s.at) {
			t.Fatalf("feed = %+v, want %d entries, %d bytes, last id %d, updated %v", f, entries, bytes, s.head(), s.at)
		}
	}
	want(3, a, b, c)
	op := replacing(a, "a longer title", 0)
	s.must(op)
	want(3, b, c, op.Posts[0].Entry)
	s.must(removing(b, 0))
	want(2, c, op.Posts[0].Entry)
}

func testUpdated(t *testing.T, s *suite) {
	s.must(publishing(entry("x", "a")))
	newest := s.at
	s.at = s.at.Add(-time.Hour) // another node's clock
	s.must(publishing(entry("x", "b")))
	if f := s.feed("x"); !f.Updated.Equal(newest) {
		t.Errorf("updated = %v, want %v", f.Updated, newest)
	}
}

func testFeeds(t *testing.T, s *suite) {
	for _, name := range []string{"b", "ü", "a", "B", "a/b", "ab"} {
		s.must(publishing(entry(name, "1")))
	}
	check := func(after, before string, limit int, want ...string) {
		t.Helper()
		list, err := s.Feeds(context.Background(), after, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range list {
			got = append(got, f.Name)
			if diff := cmp.Diff(s.feed(f.Name), f); diff != "" {
				t.Errorf("feed and its row in the list differ (-feed +list):\n%s", diff)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Feeds(%q, %q, %d) (-want +got):\n%s", after, before, limit, diff)
		}
	}
	check("", "", 10, "B", "a", "a/b", "ab", "b", "ü")
	check("", "", 2, "B", "a")
	check("a", "", 2, "a/b", "ab")
	check("ü", "", 2)
	check("", "ab", 2, "a", "a/b")
	check("", "B", 2)
}

func testNames(t *testing.T, s *suite) {
	names := []string{"orders", "Orders", "orders ", " orders", "örders", "o\u0308rders", "ORDERS", "orders\u00a0", "%", "_", "'", "\\", "a/b", "😀"}
	for _, name := range names {
		s.must(publishing(entry(name, name)))
	}
	for _, name := range names {
		s.wantTitles(bus.Query{Feed: name}, name)
		if f := s.feed(name); f.Name != name || f.Entries != 1 || f.UUID == "" {
			t.Errorf("feed %q = %+v", name, f)
		}
	}
}

func testConfigure(t *testing.T, s *suite) {
	ctx := context.Background()
	title, subtitle, yes := "Orders", "All of them", true
	author := feeds.Person{Name: "Shop", URI: "https://example.org/", Email: "shop@example.org"}
	got, err := s.Configure(ctx, "x", bus.Settings{Title: &title, Author: &author})
	if err != nil {
		t.Fatal(err)
	}
	if got.Title != title || got.Author != author || got.AppendOnly || got.UUID == "" || got.Created.IsZero() {
		t.Errorf("configured feed = %+v", got)
	}
	uuid := got.UUID
	if got, err = s.Configure(ctx, "x", bus.Settings{Subtitle: &subtitle, AppendOnly: &yes}); err != nil {
		t.Fatal(err)
	}
	if got.Title != title || got.Subtitle != subtitle || got.Author != author || !got.AppendOnly || got.UUID != uuid {
		t.Errorf("after a second change: %+v", got)
	}
	s.must(publishing(entry("x", "a")))
	f := s.feed("x")
	if f.Title != title || f.UUID != uuid || f.Entries != 1 || f.LastID != 1 {
		t.Errorf("after publishing: %+v", f)
	}
}

// testIDsAreGivenOnce removes the newest entry in each of the ways there are.
func testIDsAreGivenOnce(t *testing.T, s *suite) {
	node, newest := s.join(), int64(0)
	next := func(remove func(e *bus.Entry)) {
		t.Helper()
		e := entry("x", "e")
		s.must(through("q", e))
		if newest++; e.ID != newest {
			t.Fatalf("the id %d was given, want %d", e.ID, newest)
		}
		remove(e)
		if head := s.head(); head != newest {
			t.Fatalf("Head = %d, want %d", head, newest)
		}
	}
	queue := func() *bus.Queue { return s.queue("x", "q") }
	next(func(e *bus.Entry) { s.must(settling(bus.Acked, s.claim(node, queue(), 1, e.ID)...)) })
	next(func(e *bus.Entry) { s.must(settling(bus.Acked, s.lease(queue(), 1, time.Minute, e.ID)...)) })
	next(func(e *bus.Entry) { s.purge(purging(queue().ID, 1, e.ID, bus.Place{}), 1, bus.Place{ID: e.ID}) })
	next(func(e *bus.Entry) {
		if n, err := s.Prune(context.Background(), "x", e.ID, 1); err != nil || n != 1 {
			t.Fatalf("Prune = %d, %v", n, err)
		}
	})
	next(func(e *bus.Entry) {
		s.must(settling(bus.Acked, s.claim(node, queue(), 1, e.ID)...))
		expiring := through("q", entry("x", "e"))
		expiring.Posts[0].Expires = s.at
		newest++
		s.must(expiring, claiming(node, queue().ID, 1))
	})
	other := s.open("x", "other")
	next(func(e *bus.Entry) {
		held := append(s.claim(node, queue(), 1, e.ID), s.claim(node, other, 1, e.ID)...)
		s.must(settling(bus.Acked, held...))
	})
	next(func(*bus.Entry) {
		s.must(&bus.Op{Kind: bus.OpDropQueue, Purge: &bus.Purge{Queue: other.ID}}, &bus.Op{Kind: bus.OpDropQueue, Purge: &bus.Purge{Queue: queue().ID}})
	})
	next(func(e *bus.Entry) {
		newest++ // of the tombstone
		s.must(removing(e, 0), dropping("x"))
	})
	next(func(e *bus.Entry) {
		s.must(through("q", entry("x", "e")), dropping("x"))
		newest++
	})
	next(func(*bus.Entry) {})
	if n := len(s.read(bus.Query{Feed: "x", Limit: 10})); n != 1 {
		t.Errorf("%d entries are left, want 1", n)
	}
}

func testPrune(t *testing.T, s *suite) {
	list := s.series("x", 5)
	s.series("y", 2)
	prune := func(upTo int64, limit, want int, pruned int64, left int) {
		t.Helper()
		n, err := s.Prune(context.Background(), "x", upTo, limit)
		if err != nil || n != want {
			t.Fatalf("Prune(%d, %d) = %d, %v, want %d", upTo, limit, n, err, want)
		}
		f := s.feed("x")
		if f.Pruned != pruned || f.Entries != int64(left) || f.Bytes != int64(left*len(list[0].XML)) || f.LastID != 5 {
			t.Fatalf("feed after Prune = %+v", f)
		}
	}
	prune(4, 1, 1, 1, 4)
	prune(3, 10, 2, 3, 2)
	prune(3, 10, 0, 3, 2)
	s.wantTitles(bus.Query{Feed: "x"}, "4", "5")
	s.wantTitles(bus.Query{Feed: "y"}, "1", "2")
	prune(1<<62, 10, 2, 5, 0)
	if head := s.head(); head != 7 {
		t.Errorf("Head = %d, want 7", head)
	}
	next := entry("x", "6")
	s.must(publishing(next))
	if next.ID != 8 {
		t.Errorf("the next id is %d, want 8", next.ID)
	}
	s.must(removing(next, 0))
	if n, err := s.Prune(context.Background(), "x", 9, 10); err != nil || n != 1 {
		t.Fatalf("Prune of a tombstone = %d, %v", n, err)
	}
	if f := s.feed("x"); f.Entries != 0 || f.Bytes != 0 || f.Pruned != 9 {
		t.Errorf("feed after its tombstone went = %+v", f)
	}
}
