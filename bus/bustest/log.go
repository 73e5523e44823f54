package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/feeds"
)

func testEmpty(t *testing.T, s *suite) {
	ctx := context.Background()
	if head := s.head(); head != 0 {
		t.Errorf("Head = %d, want 0", head)
	}
	if page := s.read(bus.Query{Feed: "x"}); len(page) != 0 {
		t.Errorf("Read = %d entries, want none", len(page))
	}
	if _, err := s.Feed(ctx, "x"); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("Feed: %v, want ErrNoFeed", err)
	}
	if _, err := s.Find(ctx, "", "0190c5a0-0000-7000-8000-000000000000"); !errors.Is(err, bus.ErrNoEntry) {
		t.Errorf("Find: %v, want ErrNoEntry", err)
	}
	if _, err := s.Prune(ctx, "x", 1, 1); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("Prune: %v, want ErrNoFeed", err)
	}
	if _, err := s.Queue(ctx, "x", "q"); !errors.Is(err, bus.ErrNoQueue) {
		t.Errorf("Queue: %v, want ErrNoQueue", err)
	}
	if list, err := s.Queues(ctx, bus.QueueName{}, 10); err != nil || len(list) != 0 {
		t.Errorf("Queues = %v, %v, want none", list, err)
	}
	if list, err := s.Recover(ctx); err != nil || len(list) != 0 {
		t.Errorf("Recover = %v, %v, want none", list, err)
	}
	if list, err := s.Feeds(ctx, "", "", 10); err != nil || len(list) != 0 {
		t.Errorf("Feeds = %v, %v, want none", list, err)
	}
}

func testOrder(t *testing.T, s *suite) {
	a, b, c, d := entry("x", "a"), entry("y", "b"), entry("x", "c"), entry("x", "d")
	s.must(publishing(a, b), publishing(c))
	s.must(publishing(d))
	if diff := cmp.Diff([]int64{1, 2, 3, 4}, ids([]*bus.Entry{a, b, c, d})); diff != "" {
		t.Fatalf("ids (-want +got):\n%s", diff)
	}
	if head := s.head(); head != 4 {
		t.Errorf("Head = %d, want 4", head)
	}
	s.wantTitles(bus.Query{Feed: "x"}, "a", "c", "d")
	s.wantTitles(bus.Query{Feed: "y"}, "b")
}

func testPieces(t *testing.T, s *suite) {
	a, b := entry("x", "a"), entry("x", "b")
	first := publishing(a)
	pieces := [][]*bus.Op{
		{keyed("k", 1, entry("x", "first"))},
		{first, keyed("k", 1, entry("x", "first")), keyed("k", 2, entry("x", "other"))},
		{replacing(a, "A", 0), publishing(b)},
		{removing(b, 0), replacing(entry("x", "none"), "none", 0)},
	}
	if err := s.Commit(context.Background(), func(yield func([]*bus.Op) bool) {
		for _, ops := range pieces {
			if head := s.head(); head != 0 {
				t.Errorf("Head = %d before the last piece, want 0", head)
			}
			for _, op := range ops {
				op.At = s.at
			}
			if !yield(ops) {
				return
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	want := []error{nil, nil, nil, bus.ErrKeyReused, nil, nil, nil, bus.ErrNoEntry}
	for i, op := range slices.Concat(pieces...) {
		if !errors.Is(op.Err, want[i]) {
			t.Errorf("op %d: %v, want %v", i, op.Err, want[i])
		}
	}
	if p := pieces[1][1].Posts[0]; !p.Replayed || p.Entry.ID != 1 {
		t.Errorf("a key of an earlier piece gave %+v", p)
	}
	s.wantTitles(bus.Query{Feed: "x"}, "first", "A", "†")
	if head := s.head(); head != 5 {
		t.Errorf("Head = %d, want 5", head)
	}
}

func testFidelity(t *testing.T, s *suite) {
	want := feeds.Member{
		Feed:      "a/b ü <&'\"%",
		UUID:      "0190c5a0-1111-7222-8333-444455556666",
		AtomID:    "tag:example.org,2026:1",
		Title:     "naïve \U0001F600 'quoted' \"twice\" <b>",
		Published: time.Date(1999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		Updated:   time.Date(2262, 1, 1, 0, 0, 0, 1000, time.UTC),
		Absent:    feeds.PartAuthor | feeds.PartSummary,
		XML:       []byte("<entry>\r\n\t\u00a0\u2028 '\"% ü \U0001F600</entry>" + strings.Repeat("x", 100_000)),
	}
	e := &bus.Entry{Member: want}
	s.must(publishing(e))
	want.ID, want.Edited = 1, s.at
	s.wantMember(want, e)
	s.wantMember(want, s.find(want.Feed, want.UUID))
	s.wantMember(want, s.find("", want.UUID))
	s.wantMember(want, s.read(bus.Query{Feed: want.Feed})[0])
	if _, err := s.Find(context.Background(), "other", want.UUID); !errors.Is(err, bus.ErrNoEntry) {
		t.Errorf("Find in another feed: %v, want ErrNoEntry", err)
	}
}

func testFidelityTogether(_ *testing.T, s *suite) {
	given := []func(m *feeds.Member){
		func(*feeds.Member) {},
		func(m *feeds.Member) { m.AtomID = "tag:example.org,2026:1" },
		func(m *feeds.Member) { m.Title = "NULL" },
		func(m *feeds.Member) { m.Published = time.Date(1999, 12, 31, 23, 59, 59, 999999000, time.UTC) },
		func(m *feeds.Member) { m.Updated = time.Date(2262, 1, 1, 0, 0, 0, 1000, time.UTC) },
		func(m *feeds.Member) { m.Absent = feeds.PartAuthor },
		func(m *feeds.Member) { m.Title = "" },
		func(m *feeds.Member) { m.Feed = "y" },
		func(*feeds.Member) {},
	}
	// Whichever comes first, the others do not take after it.
	for first := range given {
		var op bus.Op
		op.Kind, op.At = bus.OpPublish, s.at
		var want []feeds.Member
		for i := range given {
			e := entry("x", "a title")
			given[(first+i)%len(given)](&e.Member)
			op.Posts = append(op.Posts, bus.Posting{Entry: e})
			want = append(want, e.Member)
		}
		s.must(&op)
		for i := range want {
			w, e := want[i], op.Posts[i].Entry
			w.ID, w.Edited = int64(first*len(given)+i+1), s.at
			if w.Published.IsZero() {
				w.Published = s.at
			}
			if w.Updated.IsZero() {
				w.Updated = s.at
			}
			s.wantMember(w, e)
			s.wantMember(w, s.find(w.Feed, w.UUID))
		}
	}
}

func testTimes(t *testing.T, s *suite) {
	e := entry("x", "a")
	s.must(publishing(e))
	got := s.find("x", e.UUID)
	for name, at := range map[string]time.Time{"Published": got.Published, "Updated": got.Updated, "Edited": got.Edited} {
		if !at.Equal(s.at) {
			t.Errorf("%s = %v, want %v", name, at, s.at)
		}
	}
}

func testPages(_ *testing.T, s *suite) {
	s.series("x", 5)
	s.series("other", 3)
	s.wantTitles(bus.Query{Feed: "x", Limit: 2}, "1", "2")
	s.wantTitles(bus.Query{Feed: "x", After: 2, Limit: 2}, "3", "4")
	s.wantTitles(bus.Query{Feed: "x", After: 4}, "5")
	s.wantTitles(bus.Query{Feed: "x", After: 5})
	s.wantTitles(bus.Query{Feed: "x", After: 1 << 62})
	s.wantTitles(bus.Query{Feed: "x", Newest: true, Limit: 2}, "5", "4")
	s.wantTitles(bus.Query{Feed: "x", Newest: true, Before: 4, Limit: 2}, "3", "2")
	s.wantTitles(bus.Query{Feed: "x", Newest: true, Before: 1})
	s.wantTitles(bus.Query{Feed: "x", Newest: true, After: 3}, "5", "4")
	s.wantTitles(bus.Query{Feed: "x", After: 1, Before: 4}, "2", "3")
}

func testPageBytes(_ *testing.T, s *suite) {
	list := s.series("x", 5)
	size := len(list[0].XML)
	s.wantTitles(bus.Query{Feed: "x", Bytes: 1}, "1")
	s.wantTitles(bus.Query{Feed: "x", Bytes: size}, "1", "2")
	s.wantTitles(bus.Query{Feed: "x", Bytes: 2 * size}, "1", "2", "3")
	s.wantTitles(bus.Query{Feed: "x", Newest: true, Bytes: size}, "5", "4")
}

func testOutline(t *testing.T, s *suite) {
	s.series("x", 5)
	for _, q := range []bus.Query{
		{Feed: "x", After: 1, Limit: 3}, {Feed: "x", Newest: true, Limit: 3}, {Feed: "x", Bytes: 1, Limit: 3},
		{Feed: "", Prefix: true, Limit: 3}, {Feed: "", Prefix: true, Newest: true, Limit: 3},
	} {
		whole := s.read(q)
		q.Outline = true
		outline := s.read(q)
		if len(outline) != len(whole) {
			t.Fatalf("%+v: %d entries, %d with their XML", q, len(outline), len(whole))
		}
		for i, e := range outline {
			want := whole[i].Member
			if e.Outlined != len(want.XML) || len(e.XML) > 0 {
				t.Errorf("%+v: %d bytes of XML, and %d left out, of %d", q, len(e.XML), e.Outlined, len(want.XML))
			}
			e.XML = want.XML
			s.wantMember(want, e)
		}
	}
}

func testReplace(t *testing.T, s *suite) {
	a, b := entry("x", "a"), entry("x", "b")
	a.AtomID, a.Absent = "tag:example.org,2026:a", 0
	s.must(publishing(a, b))
	published := s.at
	op := replacing(a, "A", 0)
	s.must(op)
	want := op.Posts[0].Entry.Member
	s.wantMember(want, s.find("x", a.UUID))
	if want.ID != 3 || want.AtomID != a.AtomID || !want.Published.Equal(published) || !want.Updated.Equal(s.at) || !want.Edited.Equal(s.at) {
		t.Errorf("replaced entry = %+v", want)
	}
	if op.Freed != int64(len(a.XML)) {
		t.Errorf("Freed = %d, want %d", op.Freed, len(a.XML))
	}
	s.wantTitles(bus.Query{Feed: "x"}, "b", "A")
}

func testRemove(t *testing.T, s *suite) {
	a, b := entry("x", "a"), entry("x", "b")
	s.must(publishing(a, b))
	op := removing(a, 0)
	s.must(op)
	got := s.find("x", a.UUID)
	s.wantMember(op.Posts[0].Entry.Member, got)
	if !got.Deleted || got.ID != 3 || len(got.XML) != 0 || !got.Edited.Equal(s.at) {
		t.Errorf("tombstone = %+v", got.Member)
	}
	if op.Freed != int64(len(a.XML)) {
		t.Errorf("Freed = %d, want %d", op.Freed, len(a.XML))
	}
	s.wantTitles(bus.Query{Feed: "x"}, "b", "†")
	s.refused(removing(a, 0), bus.ErrDeleted)
	s.refused(replacing(a, "again", 0), bus.ErrDeleted)
	s.wantTitles(bus.Query{Feed: "x"}, "b", "†")
}

func testConditions(t *testing.T, s *suite) {
	a := entry("x", "a")
	s.must(publishing(a))
	first, second := replacing(a, "first", 1), replacing(a, "second", 1)
	s.commit(first, second)
	if first.Err != nil || !errors.Is(second.Err, bus.ErrChanged) {
		t.Fatalf("errors %v and %v, want none and ErrChanged", first.Err, second.Err)
	}
	s.refused(removing(a, 1), bus.ErrChanged)
	s.must(removing(a, 2))
	s.refused(replacing(entry("x", "none"), "a", 0), bus.ErrNoEntry)
	s.refused(removing(entry("no feed", "none"), 0), bus.ErrNoEntry)
	stray := entry("y", "stray")
	s.must(publishing(stray))
	stray.Feed = "x"
	s.refused(removing(stray, 0), bus.ErrNoEntry)
}

func testAppendOnly(_ *testing.T, s *suite) {
	a := entry("x", "a")
	s.must(publishing(a))
	yes := true
	if _, err := s.Configure(context.Background(), "x", bus.Settings{AppendOnly: &yes}); err != nil {
		s.Fatal(err)
	}
	s.refused(replacing(a, "A", 0), bus.ErrAppendOnly)
	s.refused(removing(a, 0), bus.ErrAppendOnly)
	s.must(publishing(entry("x", "b")))
	s.wantTitles(bus.Query{Feed: "x"}, "a", "b")
}

func testRefusals(t *testing.T, s *suite) {
	a := entry("x", "a")
	s.must(keyed("k", 1, a))
	before, after := entry("x", "before"), entry("x", "after")
	bad := publishing(entry("new", "lost"), entry("x", "lost"))
	bad.Posts[1].Key, bad.Posts[1].Digest = "k", [32]byte{2}
	missing := replacing(entry("x", "none"), "none", 0)
	s.commit(publishing(before), bad, missing, publishing(after))
	if !errors.Is(bad.Err, bus.ErrKeyReused) || !errors.Is(missing.Err, bus.ErrNoEntry) {
		t.Fatalf("errors %v and %v", bad.Err, missing.Err)
	}
	s.wantTitles(bus.Query{Feed: "x"}, "a", "before", "after")
	if _, err := s.Feed(context.Background(), "new"); !errors.Is(err, bus.ErrNoFeed) {
		t.Errorf("a refused op made a feed: %v", err)
	}
	if head := s.head(); head != after.ID {
		t.Errorf("Head = %d, want %d", head, after.ID)
	}
}

func testChanged(t *testing.T, s *suite) {
	s.series("x", 2)
	s.series("y", 1)
	check := func(after int64, limit int, want []string, wantMore bool) {
		t.Helper()
		names, head, more, err := s.Changed(context.Background(), after, limit)
		if err != nil || head != 3 || more != wantMore {
			t.Fatalf("Changed(%d) = head %d, more %v, %v", after, head, more, err)
		}
		if diff := cmp.Diff(want, names, sorted); diff != "" {
			t.Fatalf("Changed(%d) (-want +got):\n%s", after, diff)
		}
	}
	check(0, 10, []string{"x", "y"}, false)
	check(2, 10, []string{"y"}, false)
	check(3, 10, nil, false)
	check(0, 1, nil, true)
}

var sorted = cmp.Transformer("sorted", func(list []string) map[string]bool {
	set := make(map[string]bool)
	for _, v := range list {
		set[v] = true
	}
	return set
})

func testContext(t *testing.T, s *suite) {
	cause := errors.New("the caller left")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	calls := map[string]func() error{
		"Head":           func() error { _, err := s.Head(ctx); return err },
		"Read":           func() error { _, err := s.Read(ctx, bus.Query{Feed: "x", Limit: 1}); return err },
		"Find":           func() error { _, err := s.Find(ctx, "x", "u"); return err },
		"Changed":        func() error { _, _, _, err := s.Changed(ctx, 0, 1); return err },
		"Feed":           func() error { _, err := s.Feed(ctx, "x"); return err },
		"Feeds":          func() error { _, err := s.Feeds(ctx, "", "", 1); return err },
		"Configure":      func() error { _, err := s.Configure(ctx, "x", bus.Settings{}); return err },
		"Prune":          func() error { _, err := s.Prune(ctx, "x", 1, 1); return err },
		"ForgetKeys":     func() error { _, err := s.ForgetKeys(ctx, s.at, 1); return err },
		"Queue":          func() error { _, err := s.Queue(ctx, "x", "q"); return err },
		"Queues":         func() error { _, err := s.Queues(ctx, bus.QueueName{}, 1); return err },
		"ConfigureQueue": func() error { _, err := s.ConfigureQueue(ctx, "x", "q", bus.QueueSettings{}); return err },
		"Waiting":        func() error { _, err := s.Waiting(ctx, 1, bus.Place{}, 1, 0); return err },
		"Fetch":          func() error { _, err := s.Fetch(ctx, []int64{1}); return err },
		"Known":          func() error { _, err := s.Known(ctx, []int64{1}); return err },
		"Made":           func() error { _, err := s.Made(ctx); return err },
		"Ready":          func() error { return s.Ready(ctx) },
		"Join":           func() error { _, err := s.Join(ctx); return err },
		"Leave":          func() error { return s.Leave(ctx, 1) },
		"Recover":        func() error { _, err := s.Recover(ctx); return err },
		"Commit":         func() error { return s.Commit(ctx, Piece(publishing(entry("x", "a")))) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, cause) {
			t.Errorf("%s: %v, want the cause", name, err)
		}
	}
}

func testLargeCommit(t *testing.T, s *suite) {
	const n = 3000
	var ops []*bus.Op
	for i := range n {
		ops = append(ops, publishing(entry(fmt.Sprintf("feed %d", i%700), fmt.Sprint(i))))
	}
	s.must(ops...)
	for i, op := range ops {
		if op.Posts[0].Entry.ID != int64(i+1) {
			t.Fatalf("op %d has id %d", i, op.Posts[0].Entry.ID)
		}
	}
	if head := s.head(); head != n {
		t.Errorf("Head = %d, want %d", head, n)
	}
	if f := s.feed("feed 0"); f.Entries != 5 || f.LastID != 2801 {
		t.Errorf("feed 0 has %d entries up to %d, want 5 up to 2801", f.Entries, f.LastID)
	}
}
