package bustest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

func testTotals(t *testing.T, s *suite) {
	want := func(want bus.Totals) {
		t.Helper()
		got, err := s.Totals(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("Totals (-want +got):\n%s", diff)
		}
	}
	want(bus.Totals{})
	q := s.open("x", "q")
	s.open("x", "p")
	a, b, c := entry("x", "a"), entry("x", "bb"), entry("y", "ccc")
	s.must(publishing(a, b), publishing(c))
	bytes := int64(len(a.XML) + len(b.XML) + len(c.XML))
	want(bus.Totals{Feeds: 2, Entries: 3, Bytes: bytes, Queues: 2, Waiting: 4})
	s.claim(s.join(), q, 1, a.ID)
	want(bus.Totals{Feeds: 2, Entries: 3, Bytes: bytes, Queues: 2, Waiting: 4})
	s.must(removing(b, 0))
	want(bus.Totals{Feeds: 2, Entries: 2, Bytes: bytes - int64(len(b.XML)), Queues: 2, Waiting: 2})
}

func testLongest(t *testing.T, s *suite) {
	for _, feed := range []string{"c", "b", "a", "idle", "long"} {
		s.open(feed, "q")
	}
	s.open("a", "p")
	s.must(publishing(entry("a", "1")), publishing(entry("b", "1")), publishing(entry("c", "1")))
	s.series("long", 3)
	want := func(limit int, want ...bus.QueueName) {
		t.Helper()
		list, err := s.Longest(context.Background(), limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.listed(list)); diff != "" {
			t.Errorf("Longest(%d) (-want +got):\n%s", limit, diff)
		}
	}
	all := []bus.QueueName{{Feed: "long", Name: "q"}, {Feed: "a", Name: "p"}, {Feed: "a", Name: "q"}, {Feed: "b", Name: "q"}, {Feed: "c", Name: "q"}}
	want(100, all...)
	want(2, all[:2]...)
}
