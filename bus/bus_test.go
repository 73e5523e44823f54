package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open starts a bus that the test's end closes.
func open(t testing.TB, store bus.Store, notifier bus.Notifier, config bus.Config) *bus.Bus {
	t.Helper()
	config.Log = slog.New(slog.DiscardHandler)
	b, err := bus.Open(context.Background(), store, notifier, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func post(feed, title string) bus.Post {
	xml := `<entry xmlns="http://www.w3.org/2005/Atom"><title>` + title + `</title></entry>`
	return bus.Post{Feed: feed, Entry: &feeds.Entry{Title: title, XML: []byte(xml), Absent: feeds.PartID}}
}

func publish(t testing.TB, b *bus.Bus, posts ...bus.Post) []bus.Published {
	t.Helper()
	out, err := b.Publish(context.Background(), posts...)
	if err != nil {
		t.Fatalf("Publish: %v", err)
	}
	return out
}

func titles(entries []*bus.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Title)
	}
	return out
}

func read(t testing.TB, b *bus.Bus, q bus.Query) *bus.Slice {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	s, err := b.Read(context.Background(), q)
	if err != nil {
		t.Fatalf("Read(%+v): %v", q, err)
	}
	return s
}

func wantTitles(t testing.TB, b *bus.Bus, q bus.Query, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, titles(read(t, b, q).Entries)); diff != "" {
		t.Fatalf("Read(%+v) (-want +got):\n%s", q, diff)
	}
}

func TestAPublisherReadsWhatItWrote(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	for i := range 2000 {
		p := publish(t, b, post("x", fmt.Sprint(i)))
		got := read(t, b, bus.Query{Feed: "x", After: p[0].ID - 1})
		if len(got.Entries) != 1 || got.Entries[0].UUID != p[0].UUID || got.Feed.LastID != p[0].ID || b.Head() != p[0].ID {
			t.Fatalf("after publishing %d: %v, feed %+v", p[0].ID, titles(got.Entries), got.Feed)
		}
	}
}

func TestAPublishIsAtomicAndInOrder(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	out := publish(t, b, post("x", "a"), post("y", "b"), post("x", "c"))
	for i, p := range out {
		if p.ID != int64(i+1) {
			t.Errorf("entry %d has id %d", i, p.ID)
		}
	}
	_, err := b.Publish(context.Background(), post("x", "d"), post("bad\x00name", "e"))
	if err == nil {
		t.Error("a bad feed name was taken")
	}
	wantTitles(t, b, bus.Query{Feed: "x"}, "a", "c")
	if out, err := b.Publish(context.Background()); out != nil || err != nil {
		t.Errorf("an empty publish gave %v, %v", out, err)
	}
}

func TestAnEntryKeepsTheUUIDThatItCameWith(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	const uuid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
	p := post("x", "a")
	p.UUID = uuid
	out := publish(t, b, p, post("x", "b"))
	if out[0].UUID != uuid || out[1].UUID == "" || out[1].UUID == uuid {
		t.Errorf("the uuids are %q and %q", out[0].UUID, out[1].UUID)
	}
	if e, err := b.Entry(t.Context(), "x", uuid); err != nil || e.ID != 1 {
		t.Errorf("Entry: %+v, %v", e, err)
	}
}

func TestConcurrentPublishesShareACommit(t *testing.T) {
	const callers = 64
	var commits atomic.Int64
	held := make(chan struct{})
	store := &bustest.Memory{BeforeCommit: func([]*bus.Op) error {
		if commits.Add(1) == 1 {
			<-held
		}
		return nil
	}}
	synctest.Test(t, func(t *testing.T) {
		held = make(chan struct{})
		b := open(t, store, nil, bus.Config{})
		var publishing sync.WaitGroup
		for i := range callers {
			publishing.Go(func() { publish(t, b, post("x", fmt.Sprint(i))) })
		}
		synctest.Wait() // one commit is under way, the others wait
		close(held)
		publishing.Wait()
		if n := commits.Load(); n > 2 {
			t.Errorf("%d publishes took %d commits, want at most 2", callers, n)
		}
		b.Close()
	})
}

func TestAFailedCommitTellsNobodyStoredAndTheBusGoesOn(t *testing.T) {
	for _, fault := range []error{bus.ErrUnavailable, bus.ErrFull, bus.ErrReadOnly} {
		t.Run(fault.Error(), func(t *testing.T) {
			var broken atomic.Bool
			store := &bustest.Memory{BeforeCommit: func([]*bus.Op) error {
				if broken.Load() {
					return fault
				}
				return nil
			}}
			b := open(t, store, nil, bus.Config{})
			publish(t, b, post("x", "before"))
			s := b.Follow(bus.Only("x"), 1)
			defer s.Close()

			broken.Store(true)
			var publishing sync.WaitGroup
			for range 16 {
				publishing.Go(func() {
					if _, err := b.Publish(context.Background(), post("x", "lost")); !errors.Is(err, fault) {
						t.Errorf("Publish: %v, want %v", err, fault)
					}
				})
			}
			publishing.Wait()
			wantTitles(t, b, bus.Query{Feed: "x"}, "before")

			broken.Store(false)
			publish(t, b, post("x", "after"))
			got, err := s.Next(context.Background(), 10)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"after"}, titles(got)); diff != "" {
				t.Errorf("the follower saw (-want +got):\n%s", diff)
			}
		})
	}
}

func TestACallerMayLeaveTheCommitOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		store := &bustest.Memory{BeforeCommit: func([]*bus.Op) error { <-held; return nil }}
		b := open(t, store, nil, bus.Config{})
		var publishing sync.WaitGroup
		publishing.Go(func() { publish(t, b, post("x", "first")) })
		synctest.Wait() // it commits
		cause := errors.New("client gone")
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, cause)
		defer cancel()
		if _, err := b.Publish(ctx, post("x", "a")); !errors.Is(err, cause) {
			t.Errorf("Publish: %v, want the cause", err)
		}
		close(held)
		publishing.Wait()
		publish(t, b, post("x", "b"))
		wantTitles(t, b, bus.Query{Feed: "x"}, "first", "a", "b")
		b.Close()
	})
}

func TestCloseCommitsWhatWasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		store := &bustest.Memory{BeforeCommit: func([]*bus.Op) error { <-held; return nil }}
		b := open(t, store, nil, bus.Config{})
		var stored atomic.Int64
		var publishing sync.WaitGroup
		for range 10 {
			publishing.Go(func() {
				if _, err := b.Publish(context.Background(), post("x", "a")); err == nil {
					stored.Add(1)
				}
			})
		}
		lagging := b.Follow(bus.Only("x"), 0)
		defer lagging.Close()
		s := b.Follow(bus.Only("x"), 0)
		defer s.Close()
		publishing.Go(func() {
			if _, err := s.Next(context.Background(), 1); !errors.Is(err, bus.ErrClosed) {
				t.Errorf("Next while closing: %v, want ErrClosed", err)
			}
		})
		synctest.Wait()
		var closing sync.WaitGroup
		closing.Go(func() { b.Close() })
		synctest.Wait()
		if _, err := b.Publish(context.Background(), post("x", "late")); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("Publish while closing: %v, want ErrClosed", err)
		}
		close(held)
		publishing.Wait()
		closing.Wait()
		if n := stored.Load(); n != 10 {
			t.Errorf("%d of 10 accepted entries were committed", n)
		}
		if _, err := lagging.Next(context.Background(), 1); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("Next of a lagging follower after Close: %v, want ErrClosed", err)
		}
		if err := b.Ready(context.Background()); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("Ready after Close: %v, want ErrClosed", err)
		}
	})
}

func TestAProducerFasterThanTheDiskWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		store := &bustest.Memory{BeforeCommit: func([]*bus.Op) error { <-held; return nil }}
		b := open(t, store, nil, bus.Config{PendingBytes: 4096})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var refused atomic.Int64
		var publishing sync.WaitGroup
		for range 100 {
			publishing.Go(func() {
				if _, err := b.Publish(ctx, post("x", "a")); err != nil {
					refused.Add(1)
				}
			})
		}
		<-ctx.Done()
		synctest.Wait()
		close(held)
		publishing.Wait()
		b.Close()
		// Only the one who committed still waited, so what else is stored was in the queue.
		stored := read(t, open(t, store, nil, bus.Config{}), bus.Query{Feed: "x"})
		if n := len(stored.Entries); n == 0 || n > 8 {
			t.Errorf("%d entries were queued in 4096 bytes", n)
		}
		if refused.Load() != 99 {
			t.Errorf("%d callers left, want all but the one who commits", refused.Load())
		}
	})
}

func TestAPublishBeyondTheLimitsIsRefused(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{PendingBytes: 4096, BatchEntries: 3})
	big := post("x", "big")
	big.Entry.XML = make([]byte, 5000)
	if _, err := b.Publish(context.Background(), big); !errors.Is(err, bus.ErrTooLarge) {
		t.Errorf("5000 bytes: %v, want ErrTooLarge", err)
	}
	if _, err := b.Publish(context.Background(), post("x", "1"), post("x", "2"), post("x", "3"), post("x", "4")); !errors.Is(err, bus.ErrTooLarge) {
		t.Errorf("4 entries: %v, want ErrTooLarge", err)
	}
	publish(t, b, post("x", "1"), post("x", "2"), post("x", "3"))
}

func TestAKeyPublishesOnce(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	with := func(p bus.Post, key string) bus.Post { p.Key = key; return p }
	first := publish(t, b, with(post("x", "a"), "k"), with(post("x", "b"), "k"))
	again := publish(t, b, with(post("x", "a"), "k"), with(post("x", "b"), "k"))
	for i := range first {
		if first[i].Replayed || !again[i].Replayed || again[i].UUID != first[i].UUID || again[i].ID != first[i].ID {
			t.Errorf("entry %d: first %+v, again %+v", i, first[i].Member, again[i].Member)
		}
	}
	others := map[string][]bus.Post{
		"other bytes": {with(post("x", "a"), "k"), with(post("x", "c"), "k")},
		"one fewer":   {with(post("x", "a"), "k")},
		"one more":    {with(post("x", "a"), "k"), with(post("x", "b"), "k"), with(post("x", "c"), "k")},
	}
	for name, posts := range others {
		if _, err := b.Publish(context.Background(), posts...); !errors.Is(err, bus.ErrKeyReused) {
			t.Errorf("%s: %v, want ErrKeyReused", name, err)
		}
	}
	wantTitles(t, b, bus.Query{Feed: "x"}, "a", "b")
}

func TestKeysAreForgottenAfterTheirWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &bustest.Memory{}, nil, bus.Config{KeyWindow: time.Hour})
		p := post("x", "a")
		p.Key = "k"
		publish(t, b, p)
		<-time.After(50 * time.Minute)
		if out := publish(t, b, p); !out[0].Replayed {
			t.Error("the key was forgotten within its window")
		}
		<-time.After(15 * time.Minute)
		if out := publish(t, b, p); out[0].Replayed {
			t.Error("the key was kept past its window")
		}
		b.Close()
	})
}

// What servers are to remember, an import beside them that takes its time must not forget.
func TestABusWithoutAWindowForgetsNoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &bustest.Memory{}, nil, bus.Config{KeyWindow: -1})
		p := post("x", "a")
		p.Key = "k"
		publish(t, b, p)
		<-time.After(7 * 24 * time.Hour)
		if out := publish(t, b, p); !out[0].Replayed {
			t.Error("the key was forgotten")
		}
		b.Close()
	})
}

func TestEdits(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	ctx := context.Background()
	out := publish(t, b, post("x", "a"), post("x", "b"))
	a := out[0]
	edited, err := b.Replace(ctx, "x", a.UUID, post("x", "A").Entry, a.ID)
	if err != nil || edited.ID != 3 || edited.UUID != a.UUID {
		t.Fatalf("Replace = %+v, %v", edited, err)
	}
	wantTitles(t, b, bus.Query{Feed: "x"}, "b", "A")
	other := post("x", "other").Entry
	other.ID = "tag:example.org,2026:other"
	if _, err := b.Replace(ctx, "x", a.UUID, other, 0); !errors.Is(err, bus.ErrIDChanged) {
		t.Errorf("Replace with another atom:id: %v, want ErrIDChanged", err)
	}
	other.ID = a.AtomURI()
	if _, err := b.Replace(ctx, "x", a.UUID, other, a.ID); !errors.Is(err, bus.ErrChanged) {
		t.Errorf("Replace of a changed entry: %v, want ErrChanged", err)
	}
	tombstone, err := b.Remove(ctx, "x", a.UUID, edited.ID)
	if err != nil || !tombstone.Deleted || tombstone.ID != 4 {
		t.Fatalf("Remove = %+v, %v", tombstone, err)
	}
	got := read(t, b, bus.Query{Feed: "x"})
	if len(got.Entries) != 2 || !got.Entries[1].Deleted || got.Feed.Entries != 1 {
		t.Errorf("after removal: %v, feed %+v", titles(got.Entries), got.Feed)
	}
	if _, err := b.Replace(ctx, "x", a.UUID, post("x", "A").Entry, 0); !errors.Is(err, bus.ErrDeleted) {
		t.Errorf("Replace of a tombstone: %v, want ErrDeleted", err)
	}
	if _, err := b.Remove(ctx, "x", "nobody", 0); !errors.Is(err, bus.ErrNoEntry) {
		t.Errorf("Remove of nothing: %v, want ErrNoEntry", err)
	}
}

// The cursor 0 is the beginning of what is kept, unless it is that of who begins at the entry 1.
func TestTheFirstEntryIsAnnouncedWhenItWasPruned(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	for i := range 40 { // of more feeds than a prefix is read by the names of
		publish(t, b, post(fmt.Sprintf("x%02d", i%20), fmt.Sprint(i)))
	}
	selections := []bus.Selection{bus.Only("x03"), bus.Select([]string{"x03", "x04"}, nil), bus.Select(nil, []string{"x03"}), bus.Select(nil, []string{"x"})}
	poll := func(sel bus.Selection) error {
		s := b.Follow(sel, 0)
		defer s.Close()
		s.First = true
		_, _, err := s.Poll(t.Context(), 10)
		return err
	}
	for _, sel := range selections {
		if err := poll(sel); err != nil {
			t.Errorf("%v, where nothing was pruned: %v", sel, err)
		}
	}
	if _, err := b.Prune(t.Context(), "x03", 4); err != nil {
		t.Fatal(err)
	}
	for _, sel := range selections {
		var gap *bus.GapError
		if err := poll(sel); !errors.As(err, &gap) || gap.Feed != "x03" || gap.Oldest != 24 {
			t.Errorf("%v: %v", sel, err)
		}
		if _, err := b.ReadMany(t.Context(), sel, bus.Query{First: true, Limit: 10}); !errors.As(err, &gap) || gap.Feed != "x03" {
			t.Errorf("a page of %v: %v", sel, err)
		}
		if _, err := b.ReadMany(t.Context(), sel, bus.Query{Limit: 10}); err != nil {
			t.Errorf("a page of what %v keeps: %v", sel, err)
		}
	}
}

func TestAPrunedCursorIsAnnounced(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	for i := range 10 {
		publish(t, b, post("x", fmt.Sprint(i+1)))
	}
	s := b.Follow(bus.Only("x"), 3)
	defer s.Close()
	if n, err := b.Prune(context.Background(), "x", 5); n != 5 || err != nil {
		t.Fatalf("Prune = %d, %v", n, err)
	}
	var gap *bus.GapError
	if _, err := b.Read(context.Background(), bus.Query{Feed: "x", After: 4, Limit: 1}); !errors.As(err, &gap) || gap.Oldest != 6 || gap.Pruned != 5 {
		t.Fatalf("Read after 4: %v", err)
	}
	if _, err := s.Next(context.Background(), 1); !errors.As(err, &gap) {
		t.Fatalf("Next after 3: %v", err)
	}
	wantTitles(t, b, bus.Query{Feed: "x", After: 5}, "6", "7", "8", "9", "10")
	wantTitles(t, b, bus.Query{Feed: "x"}, "6", "7", "8", "9", "10")
	wantTitles(t, b, bus.Query{Feed: "x", Newest: true, Before: 7}, "6")
	if _, err := b.Prune(context.Background(), "x", 10); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(context.Background(), bus.Query{Feed: "x", After: 4, Limit: 1}); !errors.As(err, &gap) || gap.Oldest != 0 || gap.Pruned != 10 {
		t.Fatalf("Read of an emptied feed: %v", err)
	}
	wantTitles(t, b, bus.Query{Feed: "x", After: 10})
}

func TestAnUnknownFeedIsToldApartFromAnEmptyOne(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	if _, err := b.Read(context.Background(), bus.Query{Feed: "x", Limit: 1}); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("Read: %v, want ErrNoFeed", err)
	}
	title := "X"
	if _, err := b.Configure(context.Background(), "x", bus.Settings{Title: &title}); err != nil {
		t.Fatal(err)
	}
	if s := read(t, b, bus.Query{Feed: "x"}); len(s.Entries) != 0 || s.Feed.Title != "X" {
		t.Errorf("Read of a new feed: %+v", s)
	}
}

func TestAnIdlePollCostsNoQuery(t *testing.T) {
	var queries atomic.Int64
	store := &bustest.Memory{BeforeRead: func() error { queries.Add(1); return nil }}
	b := open(t, store, nil, bus.Config{})
	publish(t, b, post("x", "a"))
	read(t, b, bus.Query{Feed: "x", After: 1})
	publish(t, b, post("x", "b"))
	publish(t, b, post("y", "c"))
	before := queries.Load()
	for range 100 {
		read(t, b, bus.Query{Feed: "x", After: 2})
		read(t, b, bus.Query{Feed: "x", After: 1})
		read(t, b, bus.Query{Feed: "x", Newest: true})
	}
	if n := queries.Load() - before; n != 0 {
		t.Errorf("polls at the tail cost %d queries", n)
	}
}

func TestAnEntryIsRenderedOncePerForm(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	publish(t, b, post("x", "a"))
	renderings := 0
	render := func(m *feeds.Member) []byte { renderings++; return slices.Clone(m.XML) }
	for range 10 {
		for _, e := range read(t, b, bus.Query{Feed: "x"}).Entries {
			e.Form("atom", render)
			e.Form("html", render)
		}
	}
	if renderings != 2 {
		t.Errorf("%d renderings, want 2", renderings)
	}
}

// pruning is a store in which hook runs before the first read of newest entries.
type pruning struct {
	*bustest.Memory
	hook func()
}

func (p *pruning) Read(ctx context.Context, q bus.Query) ([]*bus.Entry, error) {
	if hook := p.hook; hook != nil && q.Newest {
		p.hook = nil
		hook()
	}
	return p.Memory.Read(ctx, q)
}

func TestAPruneDuringALoadIsAnnounced(t *testing.T) {
	store := &pruning{Memory: &bustest.Memory{}}
	writer := open(t, store.Memory, nil, bus.Config{})
	for range 10 {
		publish(t, writer, post("x", "a"))
	}
	b := open(t, store, nil, bus.Config{})
	store.hook = func() {
		if _, err := store.Prune(context.Background(), "x", 8, 100); err != nil {
			t.Error(err)
		}
	}
	var gap *bus.GapError
	if _, err := b.Read(context.Background(), bus.Query{Feed: "x", After: 3, Limit: 100}); !errors.As(err, &gap) {
		t.Errorf("Read after 3, while 1 to 8 were pruned: %v, want a gap", err)
	}
}
