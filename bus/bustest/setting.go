package bustest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/feeds"
)

func (s *suite) configure(feed string, set bus.Settings) *bus.Feed {
	s.Helper()
	f, err := s.Configure(context.Background(), feed, set)
	if err != nil {
		s.Fatalf("Configure(%q): %v", feed, err)
	}
	if diff := cmp.Diff(f, s.feed(feed)); diff != "" {
		s.Fatalf("configured feed and Feed differ (-configured +feed):\n%s", diff)
	}
	return f
}

func testAtomPubSettings(t *testing.T, s *suite) {
	accepts := feeds.Accepts{"image/*", "application/atom+xml;type=entry"}
	categories := feeds.Categories{Fixed: true, Scheme: "https://example.org/topics", List: []feeds.Category{{Term: `ü "<&`, Label: "x"}, {Term: "b", Scheme: "urn:b"}}}
	keep := bus.Keep{Age: 90 * time.Minute, Entries: 10, Bytes: 1 << 40}
	f := s.configure("x", bus.Settings{Accepts: &accepts, Categories: &categories, Keep: &keep})
	check := func(f *bus.Feed, accepts feeds.Accepts, categories feeds.Categories, keep bus.Keep) {
		t.Helper()
		if diff := cmp.Diff([]any{accepts, categories, keep}, []any{f.Accepts, f.Categories, f.Keep}); diff != "" {
			t.Errorf("settings (-want +got):\n%s", diff)
		}
	}
	check(f, accepts, categories, keep)
	title := "T"
	f = s.configure("x", bus.Settings{Title: &title})
	check(f, accepts, categories, keep)
	s.must(publishing(entry("x", "a")))
	check(s.feed("x"), accepts, categories, keep)
	nothing := feeds.Accepts{}
	f = s.configure("x", bus.Settings{Accepts: &nothing, Categories: &feeds.Categories{}, Keep: &bus.Keep{}})
	check(f, nothing, feeds.Categories{}, bus.Keep{})
	f = s.configure("x", bus.Settings{Accepts: new(feeds.Accepts)})
	check(f, nil, feeds.Categories{}, bus.Keep{})
	s.must(dropping("x"), publishing(entry("x", "b")))
	if f := s.feed("x"); f.Revision != 0 {
		t.Errorf("a feed that begins again has the settings' revision %d", f.Revision)
	}
}

func testRevision(t *testing.T, s *suite) {
	title := "T"
	conditional := func(revision int64) bus.Settings {
		return bus.Settings{Title: &title, IfRevision: &revision}
	}
	if f := s.configure("x", conditional(0)); f.Revision != 1 {
		t.Errorf("revision %d, want 1", f.Revision)
	}
	for _, feed := range []string{"x", "y"} {
		if _, err := s.Configure(context.Background(), feed, conditional(7)); !errors.Is(err, bus.ErrChanged) {
			t.Errorf("Configure: %v, want ErrChanged", err)
		}
	}
	if _, err := s.Feed(context.Background(), "y"); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("a refused change made the feed: %v", err)
	}
	if f := s.configure("x", conditional(1)); f.Revision != 2 {
		t.Errorf("revision %d, want 2", f.Revision)
	}
	if f := s.configure("x", bus.Settings{Subtitle: &title}); f.Revision != 3 {
		t.Errorf("revision %d, want 3", f.Revision)
	}
}

func testDropCondition(t *testing.T, s *suite) {
	s.series("x", 2)
	conditional := func(id int64) *bus.Op {
		op := dropping("x")
		op.IfID = id
		return op
	}
	s.refused(conditional(1), bus.ErrChanged)
	s.wantTitles(bus.Query{Feed: "x"}, "1", "2")
	stale, fresh := conditional(2), conditional(3)
	s.commit(publishing(entry("x", "3")), stale, fresh)
	if !errors.Is(stale.Err, bus.ErrChanged) || fresh.Err != nil {
		t.Errorf("errors %v, %v; want the first refused", stale.Err, fresh.Err)
	}
	if _, err := s.Feed(context.Background(), "x"); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("Feed: %v, want ErrNoFeed", err)
	}
}

func testLimited(t *testing.T, s *suite) {
	for i, name := range []string{"c", "ü", "a", "b", "none"} {
		keep := []bus.Keep{{Age: time.Hour}, {Bytes: 1}, {Entries: 3}, {Entries: 1, Bytes: 2}, {}}[i]
		s.configure(name, bus.Settings{Keep: &keep})
	}
	s.must(publishing(entry("plain", "1")))
	check := func(after string, limit int, want ...string) {
		t.Helper()
		list, err := s.Limited(context.Background(), after, limit)
		var got []string
		for _, f := range list {
			got = append(got, f.Name)
			if diff := cmp.Diff(s.feed(f.Name), f); diff != "" {
				t.Errorf("feed and its row in the list differ (-feed +list):\n%s", diff)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Limited(%q, %d): %v (-want +got):\n%s", after, limit, err, diff)
		}
	}
	check("", 10, "a", "b", "c", "ü")
	check("a", 2, "b", "c")
	check("ü", 2)
}

func testSurplus(t *testing.T, s *suite) {
	begun := s.at
	list := s.series("x", 2) // at 1 s
	s.publishMedia("x", "3", "1234567890")
	s.must(publishing(entry("x", "4")))
	s.must(removing(list[1], 0)) // 1, 3, 4 and the tombstone of 2, with the id 5
	size := int64(len(list[0].XML))
	check := func(keep bus.Keep, seconds, limit int, want int64) {
		t.Helper()
		f := s.configure("x", bus.Settings{Keep: &keep})
		upTo, err := s.Surplus(context.Background(), f, begun.Add(time.Duration(seconds)*time.Second), limit)
		if err != nil || upTo != want {
			t.Errorf("Surplus of %+v after %d s, %d at most = %d, %v, want %d", keep, seconds, limit, upTo, err, want)
		}
	}
	check(bus.Keep{Age: 4 * time.Second}, 5, 10, 0)
	check(bus.Keep{Age: 4 * time.Second}, 6, 10, 1)
	check(bus.Keep{Age: 4 * time.Second}, 7, 10, 3)
	check(bus.Keep{Age: 4 * time.Second}, 70, 10, 5)
	check(bus.Keep{Age: 4 * time.Second}, 70, 2, 3)
	check(bus.Keep{Entries: 3}, 70, 10, 0)
	check(bus.Keep{Entries: 2}, 70, 10, 1)
	check(bus.Keep{Entries: 1}, 70, 10, 3)
	check(bus.Keep{Bytes: 3*size + 10}, 70, 10, 0)
	check(bus.Keep{Bytes: 3*size + 9}, 70, 10, 1)
	check(bus.Keep{Bytes: size + 9}, 70, 10, 3)
	check(bus.Keep{Entries: 2, Bytes: size}, 70, 10, 3)
	check(bus.Keep{}, 70, 10, 0)
	if upTo, err := s.Surplus(context.Background(), &bus.Feed{Feed: feeds.Feed{Name: "none"}, Keep: bus.Keep{Entries: 1}}, s.at, 10); err != nil || upTo != 0 {
		t.Errorf("Surplus of no feed = %d, %v", upTo, err)
	}
}
