package bus

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"atommq/feeds"
)

// endless is a store in which every feed holds one entry.
type endless struct{ Store }

func (endless) Head(context.Context) (int64, error) { return 1, nil }

func (endless) Feed(_ context.Context, name string) (*Feed, error) {
	return &Feed{Feed: feeds.Feed{Name: name, LastID: 1, Entries: 1}}, nil
}

func (endless) Read(_ context.Context, q Query) ([]*Entry, error) {
	return []*Entry{{Member: feeds.Member{ID: 1, Feed: q.Feed, XML: make([]byte, 1000)}}}, nil
}

func TestMemoryDoesNotGrowWithFeeds(t *testing.T) {
	h := newHub(endless{}, 1, 1<<20)
	followed := h.follow("followed")
	for i := range 5000 {
		if _, err := h.ready(context.Background(), fmt.Sprint("feed ", i), true); err != nil {
			t.Fatal(err)
		}
		h.mu.Unlock()
	}
	checkBounds(t, h)
	if h.tails["followed"] != followed {
		t.Error("a tail was dropped from under its follower")
	}
	h.unfollow(followed)
}

func TestMemoryDoesNotGrowWithBacklog(t *testing.T) {
	h := newHub(endless{}, 1, 1<<20)
	if _, err := h.ready(context.Background(), "x", true); err != nil {
		t.Fatal(err)
	}
	h.mu.Unlock()
	for id := int64(2); id < 5000; id++ {
		h.apply([]*Op{published(id, int(id%4000))}, nil)
		checkBounds(t, h)
	}
	if n := len(h.tails["x"].entries); n == 0 {
		t.Error("the tail of a busy feed is empty")
	}
}

func TestMemoryDoesNotGrowWhileTheStoreFails(t *testing.T) {
	h := newHub(broken{}, 1, 1<<20)
	for i := range 5000 {
		if _, err := h.ready(context.Background(), fmt.Sprint("feed ", i), true); err == nil {
			t.Fatal("a broken store gave a tail")
		}
	}
	checkBounds(t, h)
}

// broken is a store that knows nothing.
type broken struct{ Store }

func (broken) Feed(context.Context, string) (*Feed, error) { return nil, ErrUnavailable }

func TestMemoryDoesNotGrowDuringALoad(t *testing.T) {
	s := stalled{reached: make(chan struct{}), release: make(chan struct{})}
	h := newHub(s, 1, 1<<20)
	loaded := make(chan error)
	go func() {
		_, err := h.ready(context.Background(), "x", true)
		if err == nil {
			h.mu.Unlock()
		}
		loaded <- err
	}()
	<-s.reached
	for id := int64(2); id < 200; id++ {
		h.apply([]*Op{published(id, 100_000)}, nil)
	}
	h.mu.Lock()
	if n := h.tails["x"].pending; n > h.limit/tailShare {
		t.Errorf("%d bytes wait for a load", n)
	}
	h.mu.Unlock()
	close(s.release)
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	checkBounds(t, h)
}

// stalled is an endless store whose first answer takes until release.
type stalled struct {
	endless
	reached, release chan struct{}
}

func (s stalled) Feed(ctx context.Context, name string) (*Feed, error) {
	select {
	case <-s.release:
	default:
		close(s.reached)
		<-s.release
	}
	return s.endless.Feed(ctx, name)
}

// published is the op of an entry of so many bytes in feed x.
func published(id int64, size int) *Op {
	e := &Entry{Member: feeds.Member{ID: id, Feed: "x", XML: make([]byte, size)}}
	return &Op{Kind: OpPublish, Posts: []Posting{{Entry: e}}}
}

// asked is a store that keeps from where it was asked what changed.
type asked struct {
	endless
	after []int64
	head  int64
}

func (a *asked) Changed(_ context.Context, after int64, _ int) (names []string, head int64, more bool, err error) {
	a.after = append(a.after, after)
	return []string{"other", "x"}, a.head, false, nil
}

func TestACommitBehindAnotherProcesssWaitsForNoLook(t *testing.T) {
	store := &asked{head: 9}
	h := newHub(store, 1, 1<<20)
	mine, other := h.follow("x"), h.follow("other")
	for _, tail := range []*tail{mine, other} {
		if _, err := h.ready(context.Background(), tail.name, true); err != nil {
			t.Fatal(err)
		}
		h.mu.Unlock()
	}
	told := func(id int64) news { t.Helper(); return h.apply([]*Op{published(id, 100)}, nil) }
	if n := told(2); n.foreign || mine.stale || len(mine.entries) != 2 {
		t.Errorf("a commit right behind the head makes followers read: %+v", n)
	}
	for _, id := range []int64{5, 6, 9} { // another process has 3, 4, 7 and 8
		n := told(id)
		if !n.foreign || !slices.Equal(n.feeds, []string{"x"}) || len(n.entries) != 1 {
			t.Errorf("commit %d tells %+v", id, n)
		}
		if !mine.stale || len(mine.entries) != 2 {
			t.Errorf("after commit %d, the tail holds %d entries and is trusted: %v", id, len(mine.entries), !mine.stale)
		}
	}
	if len(store.after) != 0 {
		t.Errorf("commits asked the store %d times", len(store.after))
	}
	told(10)
	n := h.absorb(h.look(context.Background())) // of which commit 10 was not yet a part
	if !slices.Equal(store.after, []int64{2}) || !slices.Equal(n.feeds, []string{"other", "x"}) {
		t.Errorf("the look asks from %d, and tells of %q", store.after, n.feeds)
	}
	if n := told(11); n.foreign {
		t.Errorf("after the look, a commit behind this process's own tells %+v", n)
	}
}

func TestFollowedFeedsLeaveTheCacheToEntries(t *testing.T) {
	h := newHub(endless{}, 1, 1<<20)
	for i := range 2000 {
		h.follow(fmt.Sprint("followed ", i))
	}
	h.follow("x")
	if _, err := h.ready(context.Background(), "x", true); err != nil {
		t.Fatal(err)
	}
	h.mu.Unlock()
	h.apply([]*Op{published(2, 100)}, nil)
	if n := len(h.tails["x"].entries); n != 2 {
		t.Errorf("the tail of a followed feed holds %d entries, want 2", n)
	}
	checkBounds(t, h)
}

// BenchmarkApply measures what a commit costs while many feeds are followed.
func BenchmarkApply(b *testing.B) {
	for _, followed := range []int{10, 40_000} {
		b.Run(fmt.Sprint(followed, " followed"), func(b *testing.B) {
			h := newHub(endless{}, 1, 32<<20)
			for i := range followed {
				h.follow(fmt.Sprint("followed ", i))
			}
			id := int64(1)
			for b.Loop() {
				id++
				h.apply([]*Op{published(id, 100)}, nil)
			}
		})
	}
}

// checkBounds checks the cache against its limits, and its sums against its contents.
func checkBounds(t *testing.T, h *hub) {
	t.Helper()
	bytes, idle, listed := 0, 0, 0
	for _, tail := range h.tails {
		for _, e := range tail.entries {
			bytes += cost(e)
		}
		if tail.followers == 0 {
			bytes += tailCost
			idle++
		}
		if tail.place != nil {
			listed++
		}
		if tail.place == nil && (tail.followers == 0 || len(tail.entries) > 0) {
			t.Fatalf("the tail of %q can never be freed", tail.name)
		}
	}
	if bytes != h.bytes || idle != h.idle || listed != h.order.Len() {
		t.Fatalf("the hub counts %d bytes, %d idle and %d listed tails, and holds %d, %d and %d", h.bytes, h.idle, h.order.Len(), bytes, idle, listed)
	}
	if h.bytes > h.limit || h.idle > idleTails {
		t.Fatalf("%d bytes and %d idle tails pass the limits of %d and %d", h.bytes, h.idle, h.limit, idleTails)
	}
}

func TestTheLogsTailIsBoundedAndGoesWithItsFollowers(t *testing.T) {
	h := newHub(endless{}, 1, 1<<20)
	w, again := h.watchSelection(Select(nil, []string{""})), h.watchSelection(Select(nil, []string{"", "x"}))
	if w != again {
		t.Error("two who follow the same are watched for twice")
	}
	for id := int64(2); id < 10_000; id++ {
		h.apply([]*Op{published(id, int(id%4000))}, nil)
		if n := len(h.log.entries); n == 0 || n > logEntries || h.log.bytes > h.limit/tailShare || h.bytes != h.log.bytes {
			t.Fatalf("the log's tail holds %d entries of %d bytes, and the hub counts %d", n, h.log.bytes, h.bytes)
		}
	}
	h.unwatchSelection(w)
	h.unwatchSelection(again)
	if h.bytes != 0 || h.log.entries != nil || len(h.watches.all)+len(h.watches.feeds)+len(h.watches.prefixes) > 0 {
		t.Errorf("without followers %d bytes are left", h.bytes)
	}
	checkBounds(t, h)
}

// BenchmarkPollMany measures what the followers of several feeds take of a commit.
func BenchmarkPollMany(b *testing.B) {
	h := newHub(endless{}, 1, 32<<20)
	bus := &Bus{hub: h, closing: make(chan struct{}), config: Config{}.withDefaults()}
	s := bus.Follow(Select([]string{"x"}, []string{"ab", "y"}), 1)
	id := int64(1)
	b.ReportAllocs()
	for b.Loop() {
		id++
		h.apply([]*Op{published(id, 100)}, nil)
		if page, _, err := s.Poll(context.Background(), 100); err != nil || len(page) != 1 {
			b.Fatal(page, err)
		}
	}
}
