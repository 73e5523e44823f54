package bus_test

import (
	"context"
	"strings"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
)

// meanwhile is a store in which something happens once so many entries of feed x were asked for.
type meanwhile struct {
	*bustest.Memory
	limit int
	do    func()
}

func (m *meanwhile) Read(ctx context.Context, q bus.Query) ([]*bus.Entry, error) {
	entries, err := m.Memory.Read(ctx, q)
	if do := m.do; do != nil && q.Feed == "x" && q.Limit == m.limit {
		m.do = nil
		do()
	}
	return entries, err
}

// longEntries publishes entries of which a page reaches further back than memory.
func longEntries(t *testing.T, b *bus.Bus, names ...string) {
	t.Helper()
	for range 10 {
		for _, name := range names {
			publish(t, b, post(name, strings.Repeat("long ", 200)))
		}
	}
}

// The id of its newest entry is what a reader of the newest page follows from.
func TestTheNewestPageOfSeveralFeedsHasAllUpToItsNewestEntry(t *testing.T) {
	store := &meanwhile{Memory: new(bustest.Memory), limit: 21}
	b := open(t, store, nil, bus.Config{CacheBytes: 1 << 10})
	longEntries(t, b, "x", "y")
	head := b.Head()
	store.do = func() { publish(t, b, post("x", "missed"), post("y", "seen")) }
	span, err := b.ReadMany(t.Context(), bus.Select([]string{"x", "y"}, nil), bus.Query{Newest: true, Limit: 20})
	if err != nil {
		t.Fatal(err)
	}
	if store.do != nil {
		t.Fatal("the page came from memory")
	}
	if len(span.Entries) != 20 || span.Entries[0].ID != head {
		t.Errorf("a page of %d entries from %d on, which begins before %d", len(span.Entries), span.Entries[0].ID, head)
	}
}

// The feed's LastID is in the page's ETag, from which A-IM goes on.
func TestAFeedTellsOfNoEntryThatItsNewestPageDoesNotHave(t *testing.T) {
	store := &meanwhile{Memory: new(bustest.Memory), limit: 11}
	b := open(t, store, nil, bus.Config{CacheBytes: 1 << 10})
	longEntries(t, b, "x")
	store.do = func() { publish(t, b, post("x", "missed")) }
	page := read(t, b, bus.Query{Feed: "x", Newest: true, Limit: 10})
	if store.do != nil {
		t.Fatal("the page came from memory")
	}
	if newest := page.Entries[0]; page.Feed.LastID != newest.ID || !page.Feed.Updated.Equal(newest.Edited) {
		t.Errorf("the newest entry is %d of %v, the feed tells of %d of %v", newest.ID, newest.Edited, page.Feed.LastID, page.Feed.Updated)
	}
}
