package bustest

import (
	"context"
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

	if _, err := s.Prune(context.Background(), "a/b", 4, 10); err != nil {
		t.Fatal(err)
	}
	s.must(dropping("a/ü"))
	s.wantTitles(bus.Query{Feed: "a/", Prefix: true}, "a/", "a/b/c", "a/b", "†")
}
