package bustest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

func purging(queue int64, count int, upTo int64, after bus.Place) *bus.Op {
	return &bus.Op{Kind: bus.OpPurge, Purge: &bus.Purge{Queue: queue, Count: count, UpTo: upTo, After: after}}
}

// purge purges, and checks how much that took and up to where.
func (s *suite) purge(op *bus.Op, removed int, last bus.Place) {
	s.Helper()
	s.must(op)
	if op.Purge.Removed != removed || op.Purge.Last != last {
		s.Fatalf("purged %d, up to %v, want %d, up to %v", op.Purge.Removed, op.Purge.Last, removed, last)
	}
}

func testPurge(_ *testing.T, s *suite) {
	q, other, node := s.open("x", "q"), s.open("x", "other"), s.join()
	s.must(ranked(5, 5, 9, 0, 5, 0)...)
	held := s.claim(node, q, 1, 4)
	s.lease(q, 1, time.Minute, 6)
	s.must(ranked(0)...)
	s.purge(purging(q.ID, 2, 6, bus.Place{}), 2, bus.Place{Rank: 5, ID: 2})
	s.wantWaiting(q, 4, 6, 7, 5, 3)
	s.purge(purging(q.ID, 10, 6, bus.Place{Rank: 5, ID: 2}), 2, bus.Place{Rank: 9, ID: 3})
	s.purge(purging(q.ID, 10, 6, bus.Place{Rank: 9, ID: 3}), 0, bus.Place{Rank: 9, ID: 3})
	s.wantWaiting(q, 4, 6, 7)
	s.wantWaiting(other, 4, 6, 7, 1, 2, 5, 3)
	s.must(settling(bus.Released, held...))
	s.wantWaiting(q, 4, 6, 7)
	s.wantTitles(bus.Query{Feed: "x", Limit: 2}, "rank 5", "rank 5")
	s.purge(purging(q.ID+100, 10, 10, bus.Place{}), 0, bus.Place{})
}

func testPurgeUntilAcked(_ *testing.T, s *suite) {
	q, other := s.open("x", "q"), s.open("x", "other")
	s.untilAcked("x", true)
	list := s.series("x", 4)
	s.must(settling(bus.Acked, s.lease(other, 2, time.Minute, 1, 2)...))
	s.purge(purging(q.ID, 3, 10, bus.Place{}), 3, bus.Place{ID: 3})
	s.wantAccount(4, list[2], list[3])
	s.purge(purging(other.ID, 3, 10, bus.Place{}), 2, bus.Place{ID: 4})
	s.wantAccount(4, list[3])
	s.must(publishing(entry("x", "5")), purging(q.ID, 10, 10, bus.Place{}), purging(other.ID, 10, 10, bus.Place{}))
	s.wantAccount(5)
}

// refusesChanged makes sure that nothing of q, a queue that something waits in, is removed unless
// it is as it was seen.
func (s *suite) refusesChanged(q, other *bus.Queue) {
	s.Helper()
	three, ctx := 3, context.Background()
	if _, err := s.ConfigureQueue(ctx, q.Feed, q.Name, bus.QueueSettings{Attempts: &three}); err != nil {
		s.Fatal(err)
	}
	before := s.queue(q.Feed, q.Name)
	for _, seen := range []*bus.Queue{q, other, {QueueName: q.QueueName}} {
		s.refused(&bus.Op{Kind: bus.OpDropQueue, Purge: &bus.Purge{Queue: q.ID, If: seen}}, bus.ErrChanged)
		s.refused(&bus.Op{Kind: bus.OpPurge, Purge: &bus.Purge{Queue: q.ID, If: seen, UpTo: 10, Count: 10}}, bus.ErrChanged)
	}
	if diff := cmp.Diff(before, s.queue(q.Feed, q.Name)); diff != "" {
		s.Errorf("refusals changed the queue (-was +is):\n%s", diff)
	}
}

func testDropQueue(t *testing.T, s *suite) {
	drop := func(q *bus.Queue) *bus.Op {
		return &bus.Op{Kind: bus.OpDropQueue, Purge: &bus.Purge{Queue: q.ID}}
	}
	q, other, node := s.open("x", "q"), s.open("x", "other"), s.join()
	s.untilAcked("x", true)
	s.series("x", 4)
	s.refusesChanged(q, other)
	held := s.claim(node, q, 1, 1)
	leases := s.lease(q, 1, time.Minute, 2)
	s.must(settling(bus.Acked, s.lease(other, 3, time.Minute, 1, 2, 3)...))
	s.must(drop(q), publishing(entry("x", "5")))
	if _, err := s.Queue(context.Background(), "x", "q"); !errors.Is(err, bus.ErrNoQueue) {
		t.Errorf("Queue: %v, want ErrNoQueue", err)
	}
	s.wantTitles(bus.Query{Feed: "x"}, "4", "5")
	s.wantWaiting(other, 4, 5)
	s.wantLeases()
	op := settling(bus.Acked, append(held, leases...)...)
	s.must(op)
	s.wantLost(op, false, true)
	s.refused(drop(q), bus.ErrNoQueue)
	s.refused(claiming(node, q.ID, 1), bus.ErrNoQueue)
	again := s.open("x", "q")
	if s.wantWaiting(again); again.ID == q.ID {
		t.Error("a queue that begins anew has the id of the one before")
	}
	s.untilAcked("x", false)
	s.must(publishing(entry("x", "what waits is no setting")))
	seen := drop(other)
	seen.Purge.If = s.queue("x", "other")
	s.must(seen, drop(again))
	if f := s.feed("x"); f.Entries != 3 {
		t.Errorf("the feed has %d entries, want what was kept", f.Entries)
	}
}

// testDropQueueCounted has the number compared in the commit, with what came and went before in it.
func testDropQueueCounted(_ *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	s.untilAcked("x", true)
	s.series("x", 3)
	held := s.claim(node, q, 1, 1)
	drop := func(waiting int64) *bus.Op {
		return &bus.Op{Kind: bus.OpDropQueue, Purge: &bus.Purge{Queue: q.ID, Waiting: &waiting}}
	}
	purge := func(waiting int64) *bus.Op {
		op := purging(q.ID, 1, 10, bus.Place{})
		op.Purge.Waiting = &waiting
		return op
	}
	for _, other := range []int64{0, 2, 4} {
		s.refused(drop(other), bus.ErrCount)
		s.refused(purge(other), bus.ErrCount)
	}
	late := []*bus.Op{publishing(entry("x", "4")), drop(3), purge(3), settling(bus.Acked, held...), drop(4), purge(4)}
	s.commit(late...)
	for i, want := range []error{nil, bus.ErrCount, bus.ErrCount, nil, bus.ErrCount, bus.ErrCount} {
		if !errors.Is(late[i].Err, want) {
			s.Errorf("op %d: %v, want %v", i, late[i].Err, want)
		}
	}
	s.wantWaiting(q, 2, 3, 4)
	s.wantTitles(bus.Query{Feed: "x"}, "2", "3", "4")
	s.must(purge(3), publishing(entry("x", "5")), drop(3))
	s.refused(drop(0), bus.ErrNoQueue)
	s.refused(purge(0), bus.ErrCount)
	s.wantTitles(bus.Query{Feed: "x"})
}

func testDropQueueUpTo(_ *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	s.untilAcked("x", true)
	s.must(ranked(5, 5, 0, 9)...)
	s.claim(node, q, 3, 3, 1, 2)
	s.lease(q, 1, time.Minute, 4)
	s.must(ranked(0)...)
	drop := func(upTo int64) *bus.Op {
		return &bus.Op{Kind: bus.OpDropQueue, Purge: &bus.Purge{Queue: q.ID, UpTo: upTo}}
	}
	s.must(drop(2))
	s.wantWaiting(q, 3, 5, 4)
	s.must(drop(4))
	s.wantWaiting(q, 5)
	s.wantTitles(bus.Query{Feed: "x"}, "rank 0")
	if is := s.queue("x", "q"); is.ID != q.ID || is.Waiting != 1 {
		s.Errorf("the queue that stays: %+v", is)
	}
	s.must(drop(5))
	s.refused(drop(5), bus.ErrNoQueue)
	s.wantTitles(bus.Query{Feed: "x"})
}

// requeuing makes an op that sends the dead letter that c is about back as e, to the queue q, or as
// the entry again.
func requeuing(c bus.Claim, e *bus.Entry, again int64) *bus.Op {
	op := settling(bus.Acked, c)
	op.Kind, op.Again.ID = bus.OpRequeue, again
	op.Posts = []bus.Posting{{Entry: e, Queue: "q", Rank: 3}}
	return op
}

// An edit gives an entry another id, and it is the entry still.
func testRequeueEdited(t *testing.T, s *suite) {
	q, dead := s.open("x", "q"), s.open("x.dead", "default")
	e, other := entry("x", "broken"), entry("y", "of another feed")
	s.must(publishing(e), publishing(other), publishing(entry("x.dead", "1"), entry("x.dead", "2")))
	s.must(settling(bus.Acked, s.lease(q, 1, time.Minute, 1)...))
	s.must(replacing(e, "mended", 0))
	letters := s.lease(dead, 2, time.Minute, 3, 4)
	op, stray := requeuing(letters[0], entry("x", "broken"), 1), requeuing(letters[1], entry("x", "stray"), 1)
	op.Again.UUID, stray.Again.UUID = e.UUID, other.UUID
	s.must(op, stray)
	if p := op.Posts[0]; !p.Replayed || p.Entry.ID != 5 || p.Entry.Title != "mended" {
		t.Errorf("back in its queue: %+v, replayed %v", p.Entry.Member, p.Replayed)
	}
	if stray.Posts[0].Replayed {
		t.Error("an entry of another feed is handed out")
	}
	s.wantWaiting(q, 5, 6)
}

func testRequeue(t *testing.T, s *suite) {
	q, other, dead := s.open("x", "q"), s.open("x", "other"), s.open("x.dead", "default")
	s.untilAcked("x.dead", true)
	kept := entry("x", "kept")
	s.must(publishing(kept), publishing(entry("x.dead", "kept"), entry("x.dead", "left")))
	s.must(settling(bus.Acked, s.lease(q, 1, time.Minute, 1)...))
	s.must(settling(bus.Acked, s.lease(other, 1, time.Minute, 1)...))
	letters := s.lease(dead, 2, time.Minute, 2, 3)
	first, second := requeuing(letters[0], entry("x", "kept, composed anew"), 1), requeuing(letters[1], entry("x", "left"), 99)
	expires := s.at.Add(time.Hour)
	for _, op := range []*bus.Op{first, second} {
		op.Posts[0].AckTimeout, op.Posts[0].Expires = 90*time.Second, expires
	}
	s.must(first, second, requeuing(letters[0], entry("x", "kept, composed anew"), 1))
	if p := first.Posts[0]; !p.Replayed || p.Entry.ID != 1 || p.Entry.Title != "kept" {
		t.Errorf("back in its queue: %+v, replayed %v", p.Entry.Member, p.Replayed)
	}
	if p := second.Posts[0]; p.Replayed || p.Entry.ID != 4 {
		t.Errorf("published anew: %+v, replayed %v", p.Entry.Member, p.Replayed)
	}
	s.wantWaiting(q, 1, 4)
	s.wantWaiting(other)
	s.wantWaiting(dead)
	s.wantTitles(bus.Query{Feed: "x"}, "kept", "left")
	s.wantTitles(bus.Query{Feed: "x.dead"})
	want := bus.Claim{Place: bus.Place{Rank: 3, ID: 1}, Queue: q.ID, Node: bus.LeaseNode, Round: 2, Attempt: 1, Bytes: int64(len(kept.XML)),
		AckTimeout: 90 * time.Second, Expires: expires}
	got := s.lease(q, 2, time.Minute, 1, 4)
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("claim (-want +got):\n%s", diff)
	}
	if anew := got[1]; anew.AckTimeout != want.AckTimeout || !anew.Expires.Equal(want.Expires) {
		t.Errorf("claim of what was published anew: %+v", anew)
	}
	f := s.feed("x")
	if f.Entries != 2 || f.LastID != 4 {
		t.Errorf("feed = %+v", f)
	}
}

// testRequeueOnce shows that nothing is sent back twice: neither a letter, nor what its queue has.
func testRequeueOnce(_ *testing.T, s *suite) {
	q, dead := s.open("x", "q"), s.open("x.dead", "default")
	s.must(publishing(entry("x", "1")), publishing(entry("x.dead", "forged"), entry("x.dead", "2")))
	letters := s.lease(dead, 2, time.Minute, 2, 3)
	s.must(requeuing(letters[0], entry("x", "forged"), 1))
	s.wantWaiting(q, 1)
	s.wantWaiting(dead, 3)
	s.must(settling(bus.Released, letters[1]))
	lost := requeuing(letters[1], entry("x", "2"), 99)
	s.must(lost)
	s.wantLost(lost, true)
	s.wantWaiting(q, 1)
	s.wantWaiting(dead, 3)
	s.wantTitles(bus.Query{Feed: "x"}, "1")
}

// testRequeueFence shows that who had the work before it became a dead letter settles nothing of it
// once it is back.
func testRequeueFence(_ *testing.T, s *suite) {
	q, dead := s.open("x", "q"), s.open("x.dead", "default")
	first := publishing(entry("x", "1"))
	first.Posts[0].Rank = 3 // as requeuing has it
	s.must(first)
	for _, verdict := range []bus.Verdict{bus.Acked, bus.Released, bus.Leased} {
		before := s.lease(q, 1, time.Minute, 1)
		letter := entry("x.dead", "1")
		died := settling(bus.Acked, before...)
		died.Posts = publishing(letter).Posts
		s.must(died)
		s.must(requeuing(s.lease(dead, 1, time.Minute, letter.ID)[0], entry("x", "1"), 1))
		now := s.lease(q, 1, time.Minute, 1)
		late := settling(verdict, before...)
		late.Settle[0].Lease = time.Hour
		s.must(late)
		s.wantLost(late, true)
		s.wantWaiting(q, 1)
		back := settling(bus.Released, now...)
		s.must(back)
		s.wantLost(back, false)
	}
}

func testRequeueAnew(t *testing.T, s *suite) {
	dead := s.open("x.dead", "default")
	s.must(publishing(entry("x.dead", "1")))
	letter := s.lease(dead, 1, time.Minute, 1)
	op := requeuing(letter[0], entry("x", "1"), 99)
	s.must(op)
	s.wantWaiting(s.queue("x", "q"), 2)
	if f := s.feed("x"); !f.UntilAcked || f.Entries != 1 {
		t.Errorf("a feed born of a dead letter = %+v", f)
	}
}
