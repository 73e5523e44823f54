package bus

import (
	"context"
	"fmt"
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
	if h.get("followed") != followed {
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
		e := &Entry{Member: feeds.Member{ID: id, Feed: "x", XML: make([]byte, id%4000)}}
		h.apply(context.Background(), []*Op{{Kind: OpPublish, Posts: []Posting{{Entry: e}}}})
		checkBounds(t, h)
	}
	if n := len(h.get("x").entries); n == 0 {
		t.Error("the tail of a busy feed is empty")
	}
}

// checkBounds checks the cache against its limits, and its sums against its contents.
func checkBounds(t *testing.T, h *hub) {
	t.Helper()
	bytes, idle := 0, 0
	for e := h.order.Front(); e != nil; e = e.Next() {
		tail := e.Value.(*tail)
		bytes += tailCost
		for _, e := range tail.entries {
			bytes += cost(e)
		}
		if tail.followers == 0 {
			idle++
		}
	}
	if bytes != h.bytes || idle != h.idle || h.order.Len() != len(h.tails) {
		t.Fatalf("the hub counts %d bytes and %d idle tails, and holds %d and %d", h.bytes, h.idle, bytes, idle)
	}
	if h.bytes > h.limit || h.idle > idleTails {
		t.Fatalf("%d bytes and %d idle tails pass the limits of %d and %d", h.bytes, h.idle, h.limit, idleTails)
	}
}
