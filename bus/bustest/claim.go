package bustest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

// ranked makes ops that publish one entry each into feed x, of these ranks.
func ranked(ranks ...uint8) []*bus.Op {
	var ops []*bus.Op
	for _, rank := range ranks {
		op := publishing(entry("x", fmt.Sprint("rank ", rank)))
		op.Posts[0].Rank = rank
		ops = append(ops, op)
	}
	return ops
}

func testClaimOrder(_ *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	s.must(ranked(5, 9, 0, 5)...)
	s.claim(node, q, 2, 3, 1)
	s.must(ranked(9, 5, 0)...)
	s.claim(node, q, 1, 7)
	s.claim(node, q, 10, 4, 6, 2, 5)
	s.claim(node, q, 10)
}

func testClaimOnce(_ *testing.T, s *suite) {
	q, a, b := s.open("x", "q"), s.join(), s.join()
	other := s.open("x", "other")
	s.series("x", 6)
	s.claim(a, q, 2, 1, 2)
	s.claim(b, q, 2, 3, 4)
	first, second, third := claiming(a, q.ID, 1), claiming(b, q.ID, 5), claiming(a, q.ID, 5)
	s.must(first, second, third)
	s.wantClaimed(first, 5)
	s.wantClaimed(second, 6)
	s.wantClaimed(third)
	s.claim(b, other, 3, 1, 2, 3)
	s.wantWaiting(q, 1, 2, 3, 4, 5, 6)
}

func testClaimFidelity(t *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	plain, full := entry("x", "plain"), entry("x", "full of ü")
	op := publishing(plain, full)
	op.Posts[1].Rank, op.Posts[1].AckTimeout, op.Posts[1].Expires = 9, 1500*time.Millisecond, s.at.Add(time.Hour+time.Microsecond)
	s.must(op)
	want := []bus.Claim{
		{Place: bus.Place{ID: 1}, Queue: q.ID, Node: node, Attempt: 1, Bytes: int64(len(plain.XML))},
		{
			Place: bus.Place{Rank: 9, ID: 2}, Queue: q.ID, Node: node, Attempt: 1, Bytes: int64(len(full.XML)),
			AckTimeout: op.Posts[1].AckTimeout, Expires: op.Posts[1].Expires,
		},
	}
	claims := s.claim(node, q, 2, 1, 2)
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	s.must(settling(bus.Released, claims...))
	want[0].Attempt, want[1].Attempt = 2, 2
	if diff := cmp.Diff(want, s.claim(node, q, 2, 1, 2)); diff != "" {
		t.Errorf("claims made anew (-want +got):\n%s", diff)
	}
}

func testClaimInCommit(_ *testing.T, s *suite) {
	q, a, b := s.open("x", "q"), s.join(), s.join()
	early, late := claiming(a, q.ID, 5), claiming(b, q.ID, 5)
	s.must(early, publishing(entry("x", "1"), entry("x", "2")), late)
	s.wantClaimed(early)
	s.wantClaimed(late, 1, 2)
	kept, released := late.Order.Claims[:1], late.Order.Claims[1:]
	early, late = claiming(a, q.ID, 5), claiming(a, q.ID, 5)
	acked := settling(bus.Acked, kept...)
	s.must(early, acked, settling(bus.Released, released...), publishing(entry("x", "3")), late)
	s.wantClaimed(early)
	s.wantClaimed(late, 2, 3)
	s.wantWaiting(q, 2, 3)
}

func testClaimOfThePublished(t *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	other := s.open("x", "other")
	s.untilAcked("x", true)
	s.must(ranked(5, 5)...)
	claims := func(ranks []uint8, op *bus.Op) []*bus.Op { return append(ranked(ranks...), op) }

	first := claiming(node, q.ID, 4) // 1 and 2 waited, and go before those of their rank, behind those of a better one
	s.must(claims([]uint8{9, 5, 0}, first)...)
	s.wantClaimed(first, 5, 1, 2, 4)

	second := claiming(node, q.ID, 2) // 3 waits now, as the last
	s.must(claims([]uint8{5}, second)...)
	s.wantClaimed(second, 6, 3)
	s.claim(node, q, 5)
	s.wantWaiting(q, 5, 1, 2, 4, 6, 3)
	s.wantWaiting(other, 5, 1, 2, 4, 6, 3)

	s.must(settling(bus.Released, first.Order.Claims...), settling(bus.Acked, second.Order.Claims...))
	again := s.claim(node, q, 5, 5, 1, 2, 4)
	if again[0].Attempt != 2 || again[3].Attempt != 2 {
		t.Errorf("claims that were released are claimed anew as %+v", again)
	}
	s.claim(node, other, 9, 5, 1, 2, 4, 6, 3) // another queue has them still

	lease := leasing(q.ID, 2, time.Minute)
	named := publishing(entry("x", "takes a second"), entry("x", "takes a minute"))
	named.Posts[0].AckTimeout = time.Second
	s.must(named, lease)
	s.wantClaimed(lease, 7, 8)
	if got, err := s.Leases(context.Background(), 9); err != nil || len(got) != 2 ||
		!got[0].Deadline.Equal(s.at.Add(time.Second)) || !got[1].Deadline.Equal(s.at.Add(time.Minute)) {
		t.Errorf("leases of what the commit published: %+v, %v; want them to end %v and a minute later", got, err, s.at.Add(time.Second))
	}

	paused := true
	if _, err := s.ConfigureQueue(context.Background(), "x", "q", bus.QueueSettings{Paused: &paused}); err != nil {
		t.Fatal(err)
	}
	none := claiming(node, q.ID, 5)
	s.must(publishing(entry("x", "for a paused queue")), none)
	s.wantClaimed(none)
}

func testClaimAfterEdits(_ *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	list := s.series("x", 3)
	claim := claiming(node, q.ID, 5)
	s.must(replacing(list[0], "1 edited", 0), removing(list[1], 0), claim)
	s.wantClaimed(claim, 3, 4)
	dropped := claiming(node, q.ID, 5)
	s.commit(dropping("x"), dropped)
	s.wantErr(dropped, bus.ErrNoQueue)
}

func testExpired(t *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	s.untilAcked("x", false)
	soon, at := s.at.Add(3*time.Second), s.at.Add(4*time.Second)
	op := publishing(entry("x", "1"), entry("x", "2"), entry("x", "3"), entry("x", "4"), entry("x", "5"))
	op.Posts[1].Expires, op.Posts[2].Expires, op.Posts[4].Expires = at, soon, soon
	s.must(op)
	s.claim(node, q, 1, 1)
	s.wantWaiting(q, 1, 2, 3, 4, 5)
	s.at = at.Add(-time.Second) // commit adds it
	claim := claiming(node, q.ID, 1)
	s.must(claim)
	s.wantClaimed(claim, 4)
	if claim.Order.Expired != 2 {
		t.Errorf("Expired = %d, want 2: one that ended before and one at the moment", claim.Order.Expired)
	}
	s.wantWaiting(q, 1, 4, 5)
	last := claiming(node, q.ID, 1)
	s.must(last)
	if s.wantClaimed(last); last.Order.Expired != 1 {
		t.Errorf("Expired = %d, want 1", last.Order.Expired)
	}
	s.wantWaiting(q, 1, 4)
	s.wantTitles(bus.Query{Feed: "x"}, "1", "2", "3", "4", "5")
}

func testExpiredUntilAcked(_ *testing.T, s *suite) {
	q, other, node := s.open("x", "q"), s.open("x", "other"), s.join()
	op := through("q", entry("x", "1"), entry("x", "2"))
	op.Posts[0].Expires = s.at
	s.must(op)
	s.claim(node, q, 2, 2)
	s.wantTitles(bus.Query{Feed: "x"}, "1", "2")
	s.claim(node, other, 2, 2)
	s.wantTitles(bus.Query{Feed: "x"}, "2")
	s.wantAccount(2, op.Posts[1].Entry)
}

// testClaimedMayExpire shows that a claim in time outlives its entry's end.
func testClaimedMayExpire(_ *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	op := publishing(entry("x", "1"))
	op.Posts[0].Expires = s.at.Add(3 * time.Second)
	s.must(op)
	claims := s.claim(node, q, 1, 1)
	s.at = s.at.Add(time.Hour)
	s.claim(node, q, 1)
	s.wantWaiting(q, 1)
	s.must(settling(bus.Released, claims...))
	s.claim(node, q, 1)
	s.wantWaiting(q)
}

func testBacklog(_ *testing.T, s *suite) {
	const n = 3000
	q, other, node := s.open("x", "q"), s.open("x", "other"), s.join()
	s.untilAcked("x", true)
	list := s.series("x", n)
	claim := claiming(node, q.ID, n+1)
	s.must(claim)
	s.wantClaimed(claim, ids(list)...)
	acks := settling(bus.Acked, claim.Order.Claims...)
	s.must(acks)
	s.wantWaiting(q)
	s.wantWaiting(other, ids(list)...)
	s.wantGone(acks, make([]bool, n)...)
	claims := s.claim(node, other, n, ids(list)...)
	acks = settling(bus.Acked, claims[:n-1]...)
	s.must(acks)
	s.wantAllGone(acks)
	s.wantAccount(n, list[n-1])
}

func testManyQueues(t *testing.T, s *suite) {
	const n = 1000
	ctx, node := context.Background(), s.join()
	var sends, claims []*bus.Op
	for i := range n {
		sends = append(sends, through("q", entry(fmt.Sprintf("feed %03d", i), "a")))
	}
	s.must(sends...)
	var after bus.QueueName
	for len(claims) < n {
		page, err := s.Queues(ctx, after, 300)
		if err != nil || len(page) == 0 {
			t.Fatalf("Queues after %v: %d of them, %v", after, len(page), err)
		}
		for _, q := range page {
			claims = append(claims, claiming(node, q.ID, 2))
			after = q.QueueName
		}
	}
	s.must(claims...)
	acks := settling(bus.Acked)
	for i, op := range claims {
		s.wantClaimed(op, int64(i+1))
		acks.Settle = append(acks.Settle, settling(bus.Acked, op.Order.Claims...).Settle...)
	}
	s.must(acks)
	s.wantAllGone(acks)
	s.wantTitles(bus.Query{Prefix: true})
	for _, i := range []int{0, n / 2, n - 1} {
		feed := sends[i].Posts[0].Entry.Feed
		s.wantWaiting(s.queue(feed, "q"))
		if f := s.feed(feed); f.Entries != 0 || f.Bytes != 0 {
			t.Errorf("feed after its last ack = %+v", f)
		}
	}
}

func testConcurrentClaims(t *testing.T, s *suite) {
	const claimers, entries = 4, 300
	q := s.open("x", "q")
	got := make([][]int64, claimers)
	var working, publishers sync.WaitGroup
	published := make(chan struct{})
	at := s.at
	for i := range claimers {
		node := s.join()
		working.Go(func() { got[i] = work(t, s, at, node, q.ID, published) })
	}
	for range 2 {
		publishers.Go(func() {
			for range entries / 2 {
				commitAt(t, s, at, publishing(entry("x", "a")))
			}
		})
	}
	publishers.Wait()
	close(published)
	working.Wait()
	all := slices.Concat(got...)
	slices.Sort(all)
	var want []int64
	for id := range int64(entries) {
		want = append(want, id+1)
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("ids that all claimers got together (-want +got):\n%s", diff)
	}
	s.wantWaiting(q)
}

// work claims and acks until the queue is empty and nothing more comes, and returns what it got.
// Every fifth claim it releases first.
func work(t *testing.T, s *suite, at time.Time, node, queue int64, published <-chan struct{}) []int64 {
	var got []int64
	for last := false; ; {
		select {
		case <-published:
			last = true
		default:
		}
		claim := claiming(node, queue, 3)
		if !commitAt(t, s, at, claim) {
			return got
		}
		if len(claim.Order.Claims) == 0 && last {
			return got
		}
		verdicts := settling(bus.Acked, claim.Order.Claims...)
		for i, c := range claim.Order.Claims {
			if c.Attempt == 1 && c.ID%5 == 0 {
				verdicts.Settle[i].Verdict = bus.Released
				continue
			}
			got = append(got, c.ID)
		}
		if !commitAt(t, s, at, verdicts) {
			return got
		}
	}
}

// commitAt commits op from a goroutine of a test.
func commitAt(t *testing.T, s *suite, at time.Time, op *bus.Op) bool {
	op.At = at
	if err := s.Commit(context.Background(), Piece(op)); err != nil || op.Err != nil {
		t.Errorf("Commit: %v, %v", err, op.Err)
		return false
	}
	return true
}
