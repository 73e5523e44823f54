package bustest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

func testQueueSettings(t *testing.T, s *suite) {
	ctx := context.Background()
	q := s.open("x", "q")
	if q.ID <= 0 || q.QueueName != (bus.QueueName{Feed: "x", Name: "q"}) || q.Created.IsZero() ||
		q.AckTimeout != bus.DefaultAckTimeout || q.Attempts != bus.DefaultAttempts || q.Waiting != 0 {
		t.Errorf("a new queue = %+v", q)
	}
	if f := s.feed("x"); f.Entries != 0 || f.LastID != 0 || f.UntilAcked {
		t.Errorf("the feed that a queue made = %+v", f)
	}
	s.must(publishing(entry("x", "a")))
	timeout, never, three := 90*time.Second, time.Duration(0), 3
	steps := []struct {
		set  bus.QueueSettings
		want func(*bus.Queue)
	}{
		{bus.QueueSettings{AckTimeout: &timeout}, func(q *bus.Queue) { q.AckTimeout = timeout }},
		{bus.QueueSettings{Attempts: &three}, func(q *bus.Queue) { q.Attempts = three }},
		{bus.QueueSettings{AckTimeout: &never}, func(q *bus.Queue) { q.AckTimeout = 0 }},
		{bus.QueueSettings{}, func(*bus.Queue) {}},
	}
	q.Waiting = 1
	for i, step := range steps {
		step.want(q)
		got, err := s.ConfigureQueue(ctx, "x", "q", step.set)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(q, got); diff != "" {
			t.Errorf("step %d: ConfigureQueue (-want +got):\n%s", i, diff)
		}
		if diff := cmp.Diff(q, s.queue("x", "q")); diff != "" {
			t.Errorf("step %d: Queue (-want +got):\n%s", i, diff)
		}
	}
}

func testQueueCondition(t *testing.T, s *suite) {
	ctx, paused, three := context.Background(), true, 3
	pausing := func(seen *bus.Queue) error {
		_, err := s.ConfigureQueue(ctx, "x", "q", bus.QueueSettings{Paused: &paused, If: seen})
		return err
	}
	if err := pausing(&bus.Queue{ID: 1}); !errors.Is(err, bus.ErrChanged) {
		t.Errorf("a queue that is gone: %v, want ErrChanged", err)
	}
	if _, err := s.Feed(ctx, "x"); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("a refused change made the feed: %v", err)
	}
	if err := pausing(new(bus.Queue)); err != nil {
		t.Errorf("a queue that is not there yet: %v", err)
	}
	if err := pausing(new(bus.Queue)); !errors.Is(err, bus.ErrChanged) {
		t.Errorf("a queue that came meanwhile: %v, want ErrChanged", err)
	}
	seen := s.queue("x", "q")
	s.must(publishing(entry("x", "what waits is no setting")))
	if err := pausing(seen); err != nil {
		t.Errorf("the queue as it was seen: %v", err)
	}
	if _, err := s.ConfigureQueue(ctx, "x", "q", bus.QueueSettings{Attempts: &three}); err != nil {
		t.Fatal(err)
	}
	if err := pausing(seen); !errors.Is(err, bus.ErrChanged) {
		t.Errorf("a queue that was set: %v, want ErrChanged", err)
	}
}

// listed returns the names in a list of queues, each of which is to be as it is alone.
func (s *suite) listed(list []*bus.Queue) (names []bus.QueueName) {
	s.Helper()
	for _, q := range list {
		names = append(names, q.QueueName)
		if diff := cmp.Diff(s.queue(q.Feed, q.Name), q); diff != "" {
			s.Errorf("queue and its row in the list differ (-queue +list):\n%s", diff)
		}
	}
	return names
}

func testQueueList(t *testing.T, s *suite) {
	names := []bus.QueueName{{Feed: "B", Name: "z"}, {Feed: "a", Name: "B"}, {Feed: "a", Name: "a"}, {Feed: "a", Name: "ü"}, {Feed: "a/b", Name: "a"}, {Feed: "ab", Name: "%"}, {Feed: "ü", Name: "'"}}
	for _, i := range []int{3, 0, 6, 2, 5, 1, 4} {
		s.open(names[i].Feed, names[i].Name)
	}
	s.must(publishing(entry("a", "1")))
	check := func(after bus.QueueName, limit int, want []bus.QueueName) {
		t.Helper()
		list, err := s.Queues(context.Background(), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.listed(list)); diff != "" {
			t.Errorf("Queues(%v, %d) (-want +got):\n%s", after, limit, diff)
		}
	}
	check(bus.QueueName{}, 100, names)
	check(bus.QueueName{}, 2, names[:2])
	check(names[1], 3, names[2:5])
	check(bus.QueueName{Feed: "a", Name: "b"}, 1, names[3:4])
	check(bus.QueueName{Feed: "a\x00"}, 1, names[4:5])
	check(names[6], 3, nil)
	if _, err := s.Queue(context.Background(), "a", "A"); !errors.Is(err, bus.ErrNoQueue) {
		t.Errorf("Queue by a name in another case: %v, want ErrNoQueue", err)
	}
}

func testQueueBeginning(_ *testing.T, s *suite) {
	s.must(publishing(entry("x", "1")))
	first := s.open("x", "first")
	s.must(publishing(entry("x", "2"), entry("y", "3")))
	second := s.open("x", "second")
	s.must(publishing(entry("y", "4")), publishing(entry("x", "5"), entry("x", "6")))
	s.wantWaiting(first, 2, 5, 6)
	s.wantWaiting(second, 5, 6)
	node := s.join()
	s.claim(node, first, 10, 2, 5, 6)
	s.claim(node, second, 10, 5, 6)
}

func testQueueBeginningInCommit(_ *testing.T, s *suite) {
	s.must(publishing(entry("x", "1")))
	opening := &bus.Op{Kind: bus.OpOpen, Open: &bus.Queue{QueueName: bus.QueueName{Feed: "x", Name: "q"}}}
	// What the commit published to the feed before is not for the queue; what it publishes after is.
	s.must(publishing(entry("x", "2"), entry("x", "3")), opening, publishing(entry("x", "4")), through("r", entry("x", "5")), publishing(entry("x", "6")))
	if opening.Open.Waiting != 0 {
		s.Errorf("a new queue = %+v", opening.Open)
	}
	q, r, node := s.queue("x", "q"), s.queue("x", "r"), s.join()
	s.wantWaiting(q, 4, 5, 6)
	s.wantWaiting(r, 5, 6)
	s.claim(node, q, 10, 4, 5, 6)
	s.must(dropping("x"), publishing(entry("x", "7")), through("q", entry("x", "8")))
	s.wantWaiting(s.queue("x", "q"), 8)
}

func testPostingQueue(t *testing.T, s *suite) {
	op := publishing(entry("x", "1"), entry("x", "2"), entry("x", "3"))
	op.Posts[1].Queue, op.Posts[2].Queue = "q", "r"
	s.must(op, through("q", entry("y", "4")), through("q", entry("x", "5")))
	q, r := s.queue("x", "q"), s.queue("x", "r")
	s.wantWaiting(q, 2, 3, 5)
	s.wantWaiting(r, 3, 5)
	s.wantWaiting(s.queue("y", "q"), 4)
	if q.AckTimeout != bus.DefaultAckTimeout || q.Attempts != bus.DefaultAttempts || !q.Created.Equal(s.at) {
		t.Errorf("a queue made by a posting = %+v", q)
	}
	seen := make(map[int64]bool)
	for _, id := range []int64{q.ID, r.ID, s.queue("y", "q").ID} {
		if id <= 0 || seen[id] {
			t.Errorf("the id %d of a queue is not its own", id)
		}
		seen[id] = true
	}
}

func testRefusedQueue(t *testing.T, s *suite) {
	s.must(keyed("k", 1, entry("x", "a")))
	refused := through("q", entry("new", "lost"), entry("x", "lost"))
	refused.Posts[1].Key, refused.Posts[1].Digest = "k", [32]byte{2}
	s.refused(refused, bus.ErrKeyReused)
	replay := keyed("k", 1, entry("x", "a"))
	replay.Posts[0].Queue = "q"
	s.must(replay)
	if list, err := s.Queues(context.Background(), bus.QueueName{}, 10); err != nil || len(list) != 0 {
		t.Errorf("Queues = %v, %v, want none", list, err)
	}
}

func testReplayedWork(t *testing.T, s *suite) {
	q := s.open("x", "q")
	sending := func() *bus.Op { return keyed("k", 1, entry("x", "a"), entry("x", "b")) }
	s.must(sending(), sending())
	s.wantWaiting(q, 1, 2)
	node := s.join()
	s.must(settling(bus.Acked, s.claim(node, q, 1, 1)...))
	again := sending()
	s.must(again)
	s.wantWaiting(q, 2)
	if !again.Posts[0].Replayed || !again.Posts[1].Replayed {
		t.Error("the postings are not marked as replayed")
	}
}

func testUntilAckedBirth(t *testing.T, s *suite) {
	s.must(through("q", entry("born of a queue", "1")))
	s.must(publishing(entry("born of a queue", "2")))
	s.must(publishing(entry("born of a topic", "3")))
	s.must(through("q", entry("born of a topic", "4")))
	s.open("made for a queue", "q")
	s.open("made for a topic", "q")
	s.must(through("q", entry("made for a queue", "5")), publishing(entry("made for a topic", "6")))
	s.must(through("q", entry("made for a topic", "7")))
	s.untilAcked("chosen", false)
	s.must(through("q", entry("chosen", "8")))
	s.untilAcked("chosen otherwise", true)
	s.must(publishing(entry("chosen otherwise", "9")))
	title := "Titled"
	if _, err := s.Configure(context.Background(), "titled", bus.Settings{Title: &title}); err != nil {
		t.Fatal(err)
	}
	s.must(through("q", entry("titled", "10")))
	for feed, want := range map[string]bool{
		"born of a queue":  true,
		"born of a topic":  false,
		"made for a queue": true,
		"made for a topic": false,
		"chosen":           false,
		"chosen otherwise": true,
		"titled":           true,
	} {
		if got := s.feed(feed).UntilAcked; got != want {
			t.Errorf("feed %q: UntilAcked = %v, want %v", feed, got, want)
		}
	}
}

func testWaiting(t *testing.T, s *suite) {
	q := s.open("x", "q")
	var want []bus.Place
	for i, rank := range []uint8{5, 5, 0, 9, 5, 0, 2, 5} {
		op := publishing(entry("x", "a"))
		op.Posts[0].Rank = rank
		s.must(op)
		want = append(want, bus.Place{Rank: rank, ID: int64(i + 1)})
	}
	slices.SortFunc(want, comparePlaces)
	s.claim(s.join(), q, 4, 3, 6, 7, 1)
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []bus.Place
		for after := (bus.Place{}); ; after = got[len(got)-1] {
			page := s.waiting(q.ID, after, limit)
			if len(page) > limit {
				t.Fatalf("a page of %d places, want at most %d", len(page), limit)
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("places in pages of %d (-want +got):\n%s", limit, diff)
		}
	}
	if page := s.waiting(q.ID, bus.Place{Rank: 5, ID: 3}, 2); !slices.Equal(page, []bus.Place{{Rank: 5, ID: 5}, {Rank: 5, ID: 8}}) {
		t.Errorf("after a place where nothing stands: %v", page)
	}
	if page := s.waiting(q.ID+1, bus.Place{}, 10); len(page) != 0 {
		t.Errorf("no queue has %v waiting", page)
	}
}

func testFetch(t *testing.T, s *suite) {
	s.must(publishing(entry("x", "1"), entry("y", "2"), entry("x", "3")))
	edited := entry("x", "4")
	s.must(publishing(edited))
	s.must(replacing(edited, "5", 0))
	fetch := func(want []string, ids ...int64) {
		t.Helper()
		list, err := s.Fetch(context.Background(), ids)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range list {
			got = append(got, e.Title)
			s.wantMember(s.find(e.Feed, e.UUID).Member, e)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Fetch(%v) (-want +got):\n%s", ids, diff)
		}
	}
	fetch(nil)
	fetch([]string{"2"}, 2)
	fetch([]string{"1", "2", "3", "5"}, 5, 3, 4, 1, 2, 6, 1<<62)
	fetch(nil, 4)
	if _, err := s.Prune(context.Background(), "x", 1, 10); err != nil {
		t.Fatal(err)
	}
	fetch([]string{"3"}, 1, 3)
	many := s.series("z", 1500)
	list, err := s.Fetch(context.Background(), ids(many))
	if err != nil || len(list) != len(many) {
		t.Errorf("Fetch of %d entries = %d, %v", len(many), len(list), err)
	}
}

func testOpen(t *testing.T, s *suite) {
	open := func(feed string) *bus.Op {
		return &bus.Op{Kind: bus.OpOpen, Open: &bus.Queue{QueueName: bus.QueueName{Feed: feed, Name: "q"}}}
	}
	before, first, between, again, other := entry("x", "before"), open("x"), entry("x", "between"), open("x"), open("y")
	s.must(publishing(before), first, publishing(between), again, other)
	if first.Open.ID == 0 || first.Open.ID != again.Open.ID || first.Open.ID == other.Open.ID {
		t.Errorf("queues %d, %d and %d; want the first two alike", first.Open.ID, again.Open.ID, other.Open.ID)
	}
	q := s.queue("x", "q")
	s.wantWaiting(q, between.ID)
	later := open("x")
	s.must(later)
	if diff := cmp.Diff(q, later.Open); diff != "" {
		t.Errorf("opened later (-want +got):\n%s", diff)
	}
	s.feed("y")
}
