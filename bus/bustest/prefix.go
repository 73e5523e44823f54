package bustest

import (
	"context"
	"slices"
	"testing"

	"atommq/bus"
)

func testPrefix(t *testing.T, s *suite) {
	feeds := []string{"a/", "a", "b", "a/b", "A", "a/ü", "a%", "a_", "ab", "a/b/c", "a/b"}
	for _, name := range feeds {
		s.must(publishing(entry(name, name)))
	}
	removed := entry("a/b", "removed")
	s.must(publishing(removed))
	s.must(removing(removed, 0))
	s.wantTitles(bus.Query{Feed: "a/", Prefix: true}, "a/", "a/b", "a/ü", "a/b/c", "a/b", "†")
	s.wantTitles(bus.Query{Feed: "", Prefix: true}, append(feeds, "†")...)
	s.wantTitles(bus.Query{Feed: "a", Prefix: true}, "a/", "a", "a/b", "a/ü", "a%", "a_", "ab", "a/b/c", "a/b", "†")
	s.wantTitles(bus.Query{Feed: "a%", Prefix: true}, "a%")
	s.wantTitles(bus.Query{Feed: "a_", Prefix: true}, "a_")
	s.wantTitles(bus.Query{Feed: "A", Prefix: true}, "A")
	s.wantTitles(bus.Query{Feed: "a/\xc3", Prefix: true}, "a/ü")
	s.wantTitles(bus.Query{Feed: "a/b/c/", Prefix: true})
	s.wantTitles(bus.Query{Feed: "c", Prefix: true})
	s.wantTitles(bus.Query{Feed: ""})

	s.wantTitles(bus.Query{Feed: "a/", Prefix: true, After: 1, Limit: 2}, "a/b", "a/ü")
	s.wantTitles(bus.Query{Feed: "a/", Prefix: true, After: 1, Before: 6}, "a/b")
	s.wantTitles(bus.Query{Feed: "a/", Prefix: true, After: 1 << 62})
	s.wantTitles(bus.Query{Feed: "a/", Prefix: true, Newest: true, Limit: 3}, "†", "a/b", "a/b/c")
	s.wantTitles(bus.Query{Feed: "a/", Prefix: true, Newest: true, Before: 10}, "a/ü", "a/b", "a/")
	s.wantTitles(bus.Query{Feed: "a/", Prefix: true, Bytes: 1}, "a/")
	size := len(s.read(bus.Query{Feed: "a/b", Limit: 1})[0].XML) + len(s.read(bus.Query{Feed: "a/"})[0].XML)
	s.wantTitles(bus.Query{Feed: "a/", Prefix: true, Bytes: size}, "a/", "a/b", "a/ü")

	s.wantNames("a/", 9, "a/", "a/b", "a/b/c", "a/ü")
	s.wantNames("a/", 2, "a/", "a/b")
	s.wantNames("", 2, "A", "a")
	s.wantNames("a/\xc3", 9, "a/ü")
	s.wantNames("c", 9)
	s.wantPrunedAbove("", "", 0)
	if _, err := s.Prune(context.Background(), "a/b", 4, 10); err != nil {
		t.Fatal(err)
	}
	s.wantPrunedAbove("", "", 3, bus.Pruned{Feed: "a/b", UpTo: 4})
	s.wantPrunedAbove("a/b", "", 3, bus.Pruned{Feed: "a/b", UpTo: 4})
	s.wantPrunedAbove("a/b", "", 4)
	s.wantPrunedAbove("a/b/", "", 3)
	s.wantPrunedAbove("b", "", 3)
	s.wantPrunedAbove("", "a/b", 3)
	s.must(dropping("a/ü"))
	s.wantTitles(bus.Query{Feed: "a/", Prefix: true}, "a/", "a/b/c", "a/b", "†")
}

func (s *suite) wantNames(prefix string, limit int, want ...string) {
	s.Helper()
	got, err := s.Names(context.Background(), prefix, limit)
	if err != nil || !slices.Equal(got, want) {
		s.Errorf("Names(%q, %d) = %q, %v, want %q", prefix, limit, got, err, want)
	}
}

func (s *suite) wantPrunedAbove(prefix, after string, id int64, want ...bus.Pruned) {
	s.Helper()
	got, err := s.PrunedAbove(context.Background(), prefix, after, id, 9)
	if err != nil || !slices.Equal(got, want) {
		s.Errorf("PrunedAbove(%q, %q, %d) = %v, %v, want %v", prefix, after, id, got, err, want)
	}
	if got, err = s.PrunedAbove(context.Background(), prefix, after, id, 0); err != nil || len(got) > 0 {
		s.Errorf("PrunedAbove of none = %v, %v", got, err)
	}
}
