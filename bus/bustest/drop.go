package bustest

import (
	"context"
	"errors"
	"testing"
	"time"

	"atommq/bus"
)

func testDrop(t *testing.T, s *suite) {
	ctx := context.Background()
	node := s.join()
	s.refused(dropping("x"), bus.ErrNoFeed)
	x := entry("x", "1")
	s.must(through("q", x), keyed("k", 1, entry("x", "2")), through("q", entry("y", "3")), publishing(entry("x", "4")))
	q, y := s.queue("x", "q"), s.queue("y", "q")
	held := s.claim(node, q, 1, 1)
	s.must(dropping("x"))
	if _, err := s.Feed(ctx, "x"); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("Feed: %v, want ErrNoFeed", err)
	}
	if _, err := s.Queue(ctx, "x", "q"); !errors.Is(err, bus.ErrNoQueue) {
		t.Errorf("Queue: %v, want ErrNoQueue", err)
	}
	if _, err := s.Find(ctx, "", x.UUID); !errors.Is(err, bus.ErrNoEntry) {
		t.Errorf("Find: %v, want ErrNoEntry", err)
	}
	if list, err := s.Fetch(ctx, []int64{1, 2, 3, 4}); err != nil || len(list) != 1 {
		t.Errorf("Fetch = %d entries, %v, want that of y", len(list), err)
	}
	if page := s.waiting(q.ID, bus.Place{}, 10); len(page) != 0 {
		t.Errorf("the dropped queue has %v waiting", page)
	}
	s.wantTitles(bus.Query{Feed: "x"})
	s.refused(claiming(node, q.ID, 1), bus.ErrNoQueue)
	s.must(settling(bus.Acked, held...))
	s.refused(dropping("x"), bus.ErrNoFeed)
	s.wantWaiting(y, 3)
	if head := s.head(); head != 4 {
		t.Errorf("Head = %d, want 4", head)
	}
	replay := keyed("k", 1, entry("x", "2"))
	s.must(replay)
	if p := replay.Posts[0]; !p.Replayed || p.Entry.ID != 2 {
		t.Errorf("a replay of what was dropped = %+v, replayed %v", p.Entry.Member, p.Replayed)
	}
	anew := entry("x", "5")
	s.must(publishing(anew))
	s.wantAccount(5, anew)
	if f := s.feed("x"); f.UntilAcked {
		t.Error("a feed that begins again is as it was before")
	}
	if again := s.open("x", "q"); again.ID == q.ID || again.Waiting != 0 {
		t.Errorf("a queue that begins again = %+v, before %+v", again, q)
	}
}

func testDropInCommit(t *testing.T, s *suite) {
	s.must(through("q", entry("x", "1")))
	before := s.queue("x", "q")
	last := entry("x", "4")
	made := []*bus.Op{through("r", entry("x", "2")), dropping("x"), dropping("x"), publishing(entry("y", "3")), through("q", last)}
	s.commit(made...)
	for i, op := range made {
		if want := []error{nil, nil, bus.ErrNoFeed, nil, nil}[i]; !errors.Is(op.Err, want) {
			t.Errorf("op %d: %v, want %v", i, op.Err, want)
		}
	}
	s.wantAccount(4, last)
	after := s.queue("x", "q")
	if s.wantWaiting(after, 4); after.ID == before.ID {
		t.Errorf("the queue has the id %d of the one before", after.ID)
	}
	if _, err := s.Queue(context.Background(), "x", "r"); !errors.Is(err, bus.ErrNoQueue) {
		t.Errorf("Queue: %v, want ErrNoQueue", err)
	}
	s.must(publishing(entry("z", "5")), dropping("z"))
	if _, err := s.Feed(context.Background(), "z"); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("Feed: %v, want ErrNoFeed", err)
	}
	if head := s.head(); head != 5 {
		t.Errorf("Head = %d, want 5", head)
	}
	next := entry("x", "6")
	s.must(publishing(next))
	if next.ID != 6 {
		t.Errorf("the next id is %d, want 6", next.ID)
	}
}

func testKnown(t *testing.T, s *suite) {
	ctx := context.Background()
	timeout, attempts := 90*time.Second, 3
	x, y, z := s.open("x", "q"), s.open("y", "q"), s.open("z", "q")
	if _, err := s.ConfigureQueue(ctx, "y", "q", bus.QueueSettings{AckTimeout: &timeout, Attempts: &attempts}); err != nil {
		t.Fatal(err)
	}
	s.must(dropping("x"))
	known, err := s.Known(ctx, []int64{z.ID, x.ID, y.ID, z.ID + 100})
	if err != nil || len(known) != 2 || known[0].ID != y.ID || known[1].ID != z.ID {
		t.Fatalf("Known = %v, %v, want those of y and z", known, err)
	}
	if q := known[0]; q.Feed != "y" || q.Name != "q" || q.AckTimeout != timeout || q.Attempts != attempts {
		t.Errorf("the queue of y is known as %+v", q)
	}
	if known, err := s.Known(ctx, nil); err != nil || len(known) != 0 {
		t.Errorf("Known of nothing = %v, %v", known, err)
	}
}

func testReady(t *testing.T, s *suite) {
	s.must(publishing(entry("x", "a")))
	if err := s.Ready(context.Background()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	if head := s.head(); head != 1 {
		t.Errorf("Head = %d, want 1: being ready publishes nothing", head)
	}
}

func testMade(t *testing.T, s *suite) {
	made, err := s.Made(context.Background())
	if age := time.Since(made); err != nil || age < -time.Second || age > time.Hour || made.Location() != time.UTC {
		t.Fatalf("Made = %v, %v; want what was just now, in UTC", made, err)
	}
	s.must(publishing(entry("x", "a")))
	if again, err := s.Made(context.Background()); err != nil || !again.Equal(made) {
		t.Errorf("Made = %v, %v; want %v again", again, err, made)
	}
}
