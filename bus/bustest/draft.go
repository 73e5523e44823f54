package bustest

import (
	"context"
	"errors"
	"testing"

	"atommq/bus"
)

func drafting(entries ...*bus.Entry) *bus.Op {
	op := publishing(entries...)
	for i := range op.Posts {
		op.Posts[i].Draft = true
	}
	return op
}

// redrafting edits a draft, which stays one.
func redrafting(old *bus.Entry, title string, ifID int64) *bus.Op {
	op := replacing(old, title, ifID)
	op.Posts[0].Draft = true
	return op
}

func testDraft(t *testing.T, s *suite) {
	draft, live := entry("x", "draft"), entry("x", "live")
	draft.AtomID = "tag:example.org,2026:draft"
	s.must(through("q", entry("x", "first")))
	op := drafting(draft)
	op.Posts = append(op.Posts, bus.Posting{Entry: live})
	s.must(op)
	if !draft.Draft() || draft.ID != -1 || !draft.Edited.Equal(s.at) || draft.Published.IsZero() || draft.Updated.IsZero() {
		t.Errorf("the draft is %+v", draft.Member)
	}
	s.wantMember(draft.Member, s.find("x", draft.UUID))
	s.wantMember(draft.Member, s.find("", draft.UUID))
	if _, err := s.Find(context.Background(), "y", draft.UUID); !errors.Is(err, bus.ErrNoEntry) {
		t.Errorf("Find in another feed: %v, want ErrNoEntry", err)
	}
	s.wantTitles(bus.Query{Feed: "x"}, "first", "live")
	s.wantTitles(bus.Query{Prefix: true, Newest: true}, "live", "first")
	s.wantWaiting(s.queue("x", "q"), 1, 2)
	if f := s.feed("x"); f.Entries != 2 || f.LastID != 2 || s.head() != 2 {
		t.Errorf("the feed counts the draft: %+v", f)
	}
	alone := entry("y", "alone")
	s.must(drafting(alone))
	if f := s.feed("y"); f.Entries != 0 || f.LastID != 0 || s.head() != 2 {
		t.Errorf("a feed with a draft alone = %+v", f)
	}
}

func testEditedDraft(t *testing.T, s *suite) {
	e := entry("x", "a")
	s.must(drafting(e))
	s.refused(redrafting(e, "b", -7), bus.ErrChanged)
	op := redrafting(e, "b", -1)
	s.must(op)
	got := op.Posts[0].Entry
	if got.ID != -2 || got.Edits != 1 || got.Title != "b" || !got.Edited.Equal(s.at) {
		t.Errorf("an edited draft = %+v", got.Member)
	}
	s.wantMember(got.Member, s.find("x", e.UUID))
	s.refused(giving(e, s.upload("image/png", "1"), 0), bus.ErrNoMedia)
	s.refused(removing(e, -1), bus.ErrChanged)
	s.must(removing(e, -2))
	if _, err := s.Find(context.Background(), "x", e.UUID); !errors.Is(err, bus.ErrNoEntry) {
		t.Errorf("Find of a removed draft: %v, want ErrNoEntry", err)
	}
	s.refused(removing(e, 0), bus.ErrNoEntry)
	dropped := entry("x", "c")
	s.must(drafting(dropped), dropping("x"))
	if _, err := s.Find(context.Background(), "x", dropped.UUID); !errors.Is(err, bus.ErrNoEntry) {
		t.Errorf("Find of a draft in a dropped feed: %v, want ErrNoEntry", err)
	}
	if s.wantTitles(bus.Query{Feed: "x"}); s.head() != 0 {
		t.Errorf("Head = %d, want 0", s.head())
	}
}

func testPublishedDraft(t *testing.T, s *suite) {
	first, e := entry("x", "first"), entry("x", "a")
	e.AtomID = "tag:example.org,2026:a"
	s.must(through("q", first), drafting(e))
	s.must(redrafting(e, "b", 0))
	appendOnly := true
	if _, err := s.Configure(context.Background(), "x", bus.Settings{AppendOnly: &appendOnly}); err != nil {
		t.Fatal(err)
	}
	op := replacing(e, "c", -2)
	s.must(op, publishing(entry("x", "last")))
	got := op.Posts[0].Entry
	if !op.Born || op.Freed != 0 || got.ID != 2 || got.Edits != 0 || got.AtomID != e.AtomID || !got.Published.Equal(s.at) {
		t.Errorf("born %v, freed %d: %+v", op.Born, op.Freed, got.Member)
	}
	s.wantMember(got.Member, s.find("x", e.UUID))
	s.wantTitles(bus.Query{Feed: "x"}, "first", "c", "last")
	s.wantWaiting(s.queue("x", "q"), 1, 2, 3)
	if f := s.feed("x"); f.Entries != 3 || f.LastID != 3 {
		t.Errorf("feed = %+v", f)
	}
	s.refused(replacing(e, "d", 0), bus.ErrAppendOnly)
}

func testNoDraftAgain(_ *testing.T, s *suite) {
	e := entry("x", "a")
	s.must(publishing(e))
	s.refused(redrafting(e, "c", 0), bus.ErrPublished)
	s.wantTitles(bus.Query{Feed: "x"}, "a")
}

func testReplayedDraft(t *testing.T, s *suite) {
	e := entry("x", "a")
	op := keyed("k", 1, e)
	op.Posts[0].Draft = true
	s.must(op)
	again := keyed("k", 1, entry("x", "a"))
	again.Posts[0].Draft = true
	s.must(again)
	if !again.Posts[0].Replayed {
		t.Error("not replayed")
	}
	s.wantMember(e.Member, again.Posts[0].Entry)
	s.must(replacing(e, "b", 0))
	again = keyed("k", 1, entry("x", "a"))
	s.must(again)
	if got := again.Posts[0].Entry; got.ID != 1 || got.Title != "b" {
		t.Errorf("after it was published, the key answers with %+v", got.Member)
	}
}
