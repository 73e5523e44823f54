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

func testRelease(t *testing.T, s *suite) {
	q, a, b := s.open("x", "q"), s.join(), s.join()
	s.must(ranked(5, 5, 9, 0)...)
	claims := s.claim(a, q, 4, 4, 1, 2, 3)
	s.must(settling(bus.Released, claims[2], claims[0]))
	s.wantWaiting(q, 4, 1, 2, 3)
	s.must(ranked(5, 0)...)
	again := s.claim(b, q, 10, 4, 6, 2, 5)
	if diff := cmp.Diff([]int{2, 1, 2, 1}, attempts(again)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	s.must(settling(bus.Released, again...))
	if diff := cmp.Diff([]int{3, 2, 3, 2}, attempts(s.claim(a, q, 10, 4, 6, 2, 5))); diff != "" {
		t.Errorf("attempts, the second time (-want +got):\n%s", diff)
	}
}

func testReturn(t *testing.T, s *suite) {
	q, a, b := s.open("x", "q"), s.join(), s.join()
	s.series("x", 2)
	claims := s.claim(a, q, 2, 1, 2)
	op := settling(bus.Returned, claims...)
	op.Settle[1].Verdict = bus.Released
	s.must(op)
	again := s.claim(b, q, 2, 1, 2)
	if diff := cmp.Diff([]int{1, 2}, attempts(again)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	s.must(settling(bus.Returned, again...))
	if diff := cmp.Diff([]int{1, 2}, attempts(s.claim(a, q, 2, 1, 2))); diff != "" {
		t.Errorf("attempts, the second time (-want +got):\n%s", diff)
	}
}

func testAck(_ *testing.T, s *suite) {
	q, other, node := s.open("x", "q"), s.open("x", "other"), s.join()
	list := s.series("x", 4)
	claims := s.claim(node, q, 3, 1, 2, 3)
	op := settling(bus.Acked, claims[1])
	s.must(op)
	s.wantGone(op, false)
	s.wantWaiting(q, 1, 3, 4)
	s.must(settling(bus.Acked, claims[0], claims[2]))
	s.wantWaiting(q, 4)
	s.wantWaiting(other, 1, 2, 3, 4)
	s.claim(node, q, 10, 4)
	s.must(settling(bus.Acked, s.claim(node, other, 10, 1, 2, 3, 4)...))
	s.wantAccount(4, list...)
}

func testUntilAcked(t *testing.T, s *suite) {
	node := s.join()
	before := entry("x", "before any queue")
	s.must(publishing(before))
	s.untilAcked("x", true)
	q, other := s.open("x", "q"), s.open("x", "other")
	a, b, c := entry("x", "a"), entry("x", "b"), entry("x", "c")
	s.must(publishing(a, b, c))
	claims := s.claim(node, q, 3, 2, 3, 4)
	first := settling(bus.Acked, claims[:2]...)
	s.must(first)
	s.wantGone(first, false, false)
	s.wantAccount(4, before, a, b, c)
	last := settling(bus.Acked, s.claim(node, other, 2, 2, 3)...)
	last.Settle[1].Verdict = bus.Released
	s.must(last)
	s.wantGone(last, true, false)
	s.wantAccount(4, before, b, c)
	if _, err := s.Find(context.Background(), "x", a.UUID); !errors.Is(err, bus.ErrNoEntry) {
		t.Errorf("Find: %v, want ErrNoEntry", err)
	}
	if list, err := s.Fetch(context.Background(), []int64{2, 3}); err != nil || len(list) != 1 {
		t.Errorf("Fetch = %d entries, %v, want the one that is left", len(list), err)
	}
	s.refused(removing(a, 0), bus.ErrNoEntry)
	last = settling(bus.Acked, s.claim(node, other, 5, 3, 4)...)
	last.Settle = append(last.Settle, settling(bus.Acked, claims[2]).Settle...)
	s.must(last)
	s.wantGone(last, true, false, true)
	s.wantAccount(4, before)
	next := entry("x", "d")
	s.must(publishing(next))
	s.wantWaiting(q, 5)
	s.wantAccount(5, before, next)
}

func testUntilAckedLater(_ *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	list := s.series("x", 3)
	claims := s.claim(node, q, 3, 1, 2, 3)
	s.must(settling(bus.Acked, claims[0]))
	s.untilAcked("x", true)
	op := settling(bus.Acked, claims[1])
	s.must(op)
	s.wantGone(op, true)
	s.untilAcked("x", false)
	op = settling(bus.Acked, claims[2])
	s.must(op)
	s.wantGone(op, false)
	s.wantAccount(3, list[0], list[2])
}

func testAcksTogether(_ *testing.T, s *suite) {
	node := s.join()
	q, other := s.open("x", "q"), s.open("x", "other")
	s.must(through("q", entry("x", "1"), entry("x", "2")))
	ours, theirs := s.claim(node, q, 2, 1, 2), s.claim(node, other, 2, 1, 2)
	op := settling(bus.Acked, ours[0], theirs[0], theirs[1])
	s.must(op, settling(bus.Acked, ours[1]))
	s.wantGone(op, false, true, false)
	s.wantAccount(2)
	s.must(publishing(entry("x", "3")))
	ours, theirs = s.claim(node, q, 1, 3), s.claim(node, other, 1, 3)
	first, second, again := settling(bus.Acked, theirs...), settling(bus.Acked, ours...), settling(bus.Acked, ours...)
	s.must(first, second, again)
	s.wantGone(first, false)
	s.wantGone(second, true)
	s.wantGone(again, false)
	s.wantAccount(3)
}

func testSettleAtomic(t *testing.T, s *suite) {
	q, a, b := s.open("x", "q"), s.join(), s.join()
	s.untilAcked("x", true)
	first := entry("x", "1")
	s.must(keyed("k", 1, first), publishing(entry("x", "2"), entry("x", "3")))
	claims := s.claim(a, q, 2, 1, 2)

	reused := keyed("k", 2, entry("x", "lost"))
	reused.Settle = settling(bus.Acked, claims...).Settle
	s.refused(reused, bus.ErrKeyReused)
	s.wantGone(reused, false, false)
	s.wantWaiting(q, 1, 2, 3)

	s.leave(b)
	lost := through("new", entry("x", "lost"), entry("lost", "lost"))
	foreign := claims[1]
	foreign.Node = b
	lost.Settle = settling(bus.Acked, claims[0], foreign).Settle
	s.refused(lost, bus.ErrClaimLost)
	s.wantWaiting(q, 1, 2, 3)
	s.wantTitles(bus.Query{Feed: "x"}, "1", "2", "3")
	s.wantTitles(bus.Query{Feed: "lost"})
	if list, err := s.Queues(context.Background(), bus.QueueName{}, 10); err != nil || len(list) != 1 {
		t.Errorf("Queues = %d of them, %v, want q alone", len(list), err)
	}

	both := publishing(entry("x", "4"), entry("y", "5"))
	both.Settle = settling(bus.Acked, claims...).Settle
	both.Settle[1].Verdict = bus.Returned
	s.must(both)
	s.wantGone(both, true, false)
	s.wantWaiting(q, 2, 3, 4)
	s.wantTitles(bus.Query{Feed: "x"}, "2", "3", "4")
	s.wantTitles(bus.Query{Feed: "y"}, "5")
}

func testStaleClaim(_ *testing.T, s *suite) {
	q, a, b := s.open("x", "q"), s.join(), s.join()
	s.untilAcked("x", true)
	list := s.series("x", 2)
	stale := s.claim(a, q, 2, 1, 2)
	s.must(settling(bus.Released, stale...))
	s.wantStale(q, stale, 1, 2)
	held := s.claim(b, q, 1, 1)
	s.claim(a, q, 1, 2) // the same node, its second attempt
	s.wantStale(q, stale, 1, 2)
	s.claim(b, q, 2)
	s.must(settling(bus.Acked, held...))
	s.wantStale(q, stale, 2)
	s.wantStale(q, held, 2)
	s.wantAccount(2, list[1])
}

// wantStale checks that no verdict on claims changes what waits in q.
func (s *suite) wantStale(q *bus.Queue, claims []bus.Claim, waiting ...int64) {
	s.Helper()
	for _, v := range []bus.Verdict{bus.Acked, bus.Released, bus.Returned} {
		op := settling(v, claims...)
		s.must(op)
		s.wantGone(op, make([]bool, len(claims))...)
		s.wantWaiting(q, waiting...)
	}
}

func testEditedWork(t *testing.T, s *suite) {
	ctx := context.Background()
	q, other, third, node := s.open("x", "q"), s.open("x", "other"), s.open("x", "third"), s.join()
	s.untilAcked("x", true)
	a, b := entry("x", "a"), entry("x", "b")
	op := publishing(a, b)
	op.Posts[0].Rank, op.Posts[0].AckTimeout, op.Posts[0].Expires = 3, time.Minute, s.at.Add(time.Hour)
	op.Posts[1].Rank = 3
	s.must(op)
	held := s.claim(node, q, 2, 1, 2)
	s.must(settling(bus.Released, s.claim(node, other, 1, 1)...))
	s.must(settling(bus.Acked, s.claim(node, third, 1, 1)...))
	edit := replacing(a, "a longer title", 0)
	s.must(edit)
	s.wantWaiting(q, 2, 3)
	s.wantWaiting(other, 2, 3)
	s.wantWaiting(third, 2)
	for _, v := range []bus.Verdict{bus.Released, bus.Acked} {
		s.must(settling(v, held[0]))
		s.wantWaiting(q, 2, 3)
	}
	want := bus.Claim{
		Place: bus.Place{Rank: 3, ID: 3}, Queue: q.ID, Node: node, Attempt: 1, Bytes: int64(len(edit.Posts[0].Entry.XML)),
		AckTimeout: time.Minute, Expires: op.Posts[0].Expires,
	}
	anew := s.claim(node, q, 5, 3)
	if diff := cmp.Diff([]bus.Claim{want}, anew); diff != "" {
		t.Errorf("claim of the edited entry (-want +got):\n%s", diff)
	}
	others := s.claim(node, other, 5, 2, 3)
	if diff := cmp.Diff([]int{1, 1}, attempts(others)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	if list, err := s.Fetch(ctx, []int64{1, 3}); err != nil || len(list) != 1 || list[0].Title != "a longer title" {
		t.Errorf("Fetch = %v, %v, want the edited entry", list, err)
	}
	last := settling(bus.Acked, anew[0], others[1])
	s.must(last)
	s.wantGone(last, false, true)
	s.wantAccount(3, b)
}

func testRemovedWork(_ *testing.T, s *suite) {
	q, other, node := s.open("x", "q"), s.open("x", "other"), s.join()
	s.untilAcked("x", true)
	list := s.series("x", 2)
	held := s.claim(node, q, 1, 1)
	s.must(removing(list[0], 0))
	s.wantWaiting(q, 2)
	s.wantWaiting(other, 2)
	op := settling(bus.Acked, held...)
	s.must(op)
	s.wantGone(op, false)
	s.wantTitles(bus.Query{Feed: "x"}, "2", "†")
	s.claim(node, q, 5, 2)
	s.claim(node, other, 5, 2)
}

func testPrunedWork(t *testing.T, s *suite) {
	q, other, node := s.open("x", "q"), s.open("x", "other"), s.join()
	s.must(ranked(9, 5, 0, 5)...)
	s.must(publishing(entry("y", "5")))
	held := s.claim(node, q, 2, 3, 2)
	if n, err := s.Prune(context.Background(), "x", 2, 10); err != nil || n != 2 {
		t.Fatalf("Prune = %d, %v, want 2", n, err)
	}
	s.wantWaiting(q, 3, 4)
	s.wantWaiting(other, 3, 4)
	slices.Reverse(held)
	op := settling(bus.Released, held...)
	s.must(op)
	s.claim(node, q, 5, 3, 4)
	if n, err := s.Prune(context.Background(), "x", 4, 1); err != nil || n != 1 {
		t.Fatalf("Prune = %d, %v, want 1", n, err)
	}
	s.wantWaiting(q, 4)
	s.claim(node, other, 5, 4)
}

func testInPlaceOf(t *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	list := s.series("x", 2)
	held := s.claim(node, q, 2, 1, 2)
	s.must(removing(list[1], 0)) // takes its work with it
	letters := []*bus.Entry{entry("x.dead", "one"), entry("x.dead", "two")}
	op := settling(bus.Acked, held...)
	for i, e := range letters {
		op.Posts = append(op.Posts, bus.Posting{Entry: e, InPlaceOf: i + 1})
	}
	s.must(op)
	s.wantTitles(bus.Query{Feed: "x.dead", Limit: 10}, "one")
	if letters[0].ID == 0 || letters[1].ID != 0 {
		t.Errorf("ids %d and %d, want one for the first alone", letters[0].ID, letters[1].ID)
	}
	again := settling(bus.Acked, held[0])
	again.Posts = []bus.Posting{{Entry: entry("x.dead", "again"), InPlaceOf: 1}}
	s.must(again)
	s.wantTitles(bus.Query{Feed: "x.dead", Limit: 10}, "one")
}
