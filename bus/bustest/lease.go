package bustest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"atommq/bus"
)

// leasing makes an op that claims by lease.
func leasing(queue int64, count int, lease time.Duration) *bus.Op {
	op := claiming(bus.LeaseNode, queue, count)
	op.Order.Lease = lease
	return op
}

// lease leases at most count entries of q, and checks which.
func (s *suite) lease(q *bus.Queue, count int, lease time.Duration, want ...int64) []bus.Claim {
	s.Helper()
	op := leasing(q.ID, count, lease)
	s.must(op)
	s.wantClaimed(op, want...)
	return op.Order.Claims
}

// leasingOn makes an op that makes leases of claims, or gives leases another deadline.
func leasingOn(lease time.Duration, claims ...bus.Claim) *bus.Op {
	op := settling(bus.Leased, claims...)
	for i := range op.Settle {
		op.Settle[i].Lease = lease
	}
	return op
}

// leased returns c as the lease that it became.
func leased(c bus.Claim) bus.Claim {
	c.Node = bus.LeaseNode
	return c
}

// wantLeases checks which leases there are, in the order of their deadlines.
func (s *suite) wantLeases(want ...bus.Lease) {
	s.Helper()
	got, err := s.Leases(context.Background(), 1000)
	if err != nil {
		s.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(bus.Lease{})); diff != "" {
		s.Fatalf("leases (-want +got):\n%s", diff)
	}
}

// wantLost checks which settlements say that they had no effect.
func (s *suite) wantLost(op *bus.Op, want ...bool) {
	s.Helper()
	var got []bool
	for _, settled := range op.Settle {
		got = append(got, settled.Lost)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Fatalf("Lost (-want +got):\n%s", diff)
	}
}

func leaseOf(q *bus.Queue, c bus.Claim, deadline time.Time) bus.Lease {
	return bus.Lease{Claim: c, QueueName: q.QueueName, Attempts: q.Attempts, Deadline: deadline}
}

func testLease(t *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	op := publishing(entry("x", "1"), entry("x", "2"), entry("x", "3"), entry("x", "4"))
	op.Posts[1].AckTimeout = 90 * time.Second
	s.must(op)
	claims := s.lease(q, 3, time.Minute, 1, 2, 3)
	at := s.at
	s.wantLeases(leaseOf(q, claims[0], at.Add(time.Minute)), leaseOf(q, claims[2], at.Add(time.Minute)), leaseOf(q, claims[1], at.Add(90*time.Second)))
	if list, err := s.Leases(context.Background(), 1); err != nil || len(list) != 1 || list[0].ID != 1 {
		t.Errorf("the first lease to end = %+v, %v", list, err)
	}
	s.claim(node, q, 5, 4)
	s.wantWaiting(q, 1, 2, 3, 4)
	ack := settling(bus.Acked, claims[0])
	s.must(ack, settling(bus.Released, claims[1]))
	s.wantLost(ack, false)
	s.wantLeases(leaseOf(q, claims[2], at.Add(time.Minute)))
	again := s.lease(q, 5, time.Hour, 2)
	if again[0].Attempt != 2 {
		t.Errorf("attempt %d, want 2", again[0].Attempt)
	}
	s.wantLeases(leaseOf(q, claims[2], at.Add(time.Minute)), leaseOf(q, again[0], s.at.Add(90*time.Second)))
}

func testLeaseOfClaim(_ *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	s.series("x", 3)
	held := s.claim(node, q, 3, 1, 2, 3)
	op := leasingOn(time.Minute, held[0], held[2])
	s.must(op)
	s.wantLost(op, false, false)
	at := s.at
	s.wantLeases(leaseOf(q, leased(held[0]), at.Add(time.Minute)), leaseOf(q, leased(held[2]), at.Add(time.Minute)))
	stale := settling(bus.Acked, held[0]) // by the node, which gave it away
	s.must(stale)
	s.wantWaiting(q, 1, 2, 3)
	renewed := leasingOn(time.Hour, leased(held[0]))
	s.must(renewed)
	s.wantLost(renewed, false)
	s.wantLeases(leaseOf(q, leased(held[2]), at.Add(time.Minute)), leaseOf(q, leased(held[0]), s.at.Add(time.Hour)))
	acked := settling(bus.Acked, held[1])
	s.must(acked)
	s.wantLost(acked, false)
	lost := leasingOn(time.Minute, held[1])
	s.must(lost)
	s.wantLost(lost, true)
}

func testLeaseSurvives(_ *testing.T, s *suite) {
	q, a, b := s.open("x", "q"), s.join(), s.join()
	s.series("x", 2)
	held := s.claim(a, q, 1, 1)
	s.must(leasingOn(time.Minute, held...))
	at := s.at
	claims := s.lease(q, 1, time.Minute, 2)
	s.leave(a)
	s.leave(b)
	if queues := s.recovered(); len(queues) != 0 {
		s.Errorf("Recover gave back work of the queues %d", queues)
	}
	s.wantLeases(leaseOf(q, leased(held[0]), at.Add(time.Minute)), leaseOf(q, claims[0], s.at.Add(time.Minute)))
	op := settling(bus.Acked, leased(held[0]), claims[0])
	s.must(op)
	s.wantLost(op, false, false)
	s.wantWaiting(q)
}

func testLeaseLost(_ *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	s.untilAcked("x", true)
	list := s.series("x", 4)
	claims := s.lease(q, 4, time.Minute, 1, 2, 3, 4)
	s.must(settling(bus.Released, claims[0]), settling(bus.Acked, claims[1]))
	s.claim(node, q, 1, 1)
	s.must(replacing(list[2], "3 edited", 0))
	twice := settling(bus.Acked, claims[3], claims[0], claims[3], claims[1], claims[2])
	s.must(twice)
	s.wantLost(twice, false, true, true, true, true)
	s.wantGone(twice, true, false, false, false, false)
	s.wantWaiting(q, 1, 5)
	for _, v := range []bus.Verdict{bus.Acked, bus.Released, bus.Returned, bus.Leased} {
		op := settling(v, claims...)
		s.must(op)
		s.wantLost(op, true, true, true, true)
		s.wantWaiting(q, 1, 5)
	}
	s.wantLeases()
}

func testLeasesManyApart(_ *testing.T, s *suite) {
	const n = 1500
	q, other := s.open("x", "q"), s.open("x", "other")
	list := s.series("x", n)
	claims := s.lease(q, n, time.Minute, ids(list)...)
	s.lease(other, n, time.Minute, ids(list)...)
	var odd []bus.Claim
	for i := 0; i < n; i += 2 {
		odd = append(odd, claims[i])
	}
	s.must(settling(bus.Acked, odd...))
	all := settling(bus.Acked, claims...)
	s.must(all)
	for i, settled := range all.Settle {
		if settled.Lost != (i%2 == 0) {
			s.Fatalf("settlement %d: Lost = %v", i, settled.Lost)
		}
	}
	s.wantWaiting(q)
	s.wantWaiting(other, ids(list)...)
}

func testSecret(t *testing.T, s *suite) {
	first, err := s.LeaseSecret(context.Background())
	if err != nil || len(first) < 16 {
		t.Fatalf("LeaseSecret = %d bytes, %v", len(first), err)
	}
	again, err := s.LeaseSecret(context.Background())
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("LeaseSecret changed: %v\n%s", err, diff)
	}
}

func testPause(t *testing.T, s *suite) {
	ctx, on, off := context.Background(), true, false
	q, other, node := s.open("x", "q"), s.open("x", "other"), s.join()
	s.series("x", 3)
	held := s.claim(node, q, 1, 1)
	mark := s.wantStirred(-1, 1)
	set := func(paused *bool) {
		got, err := s.ConfigureQueue(ctx, "x", "q", bus.QueueSettings{Paused: paused})
		if err != nil || got.Paused != *paused || s.queue("x", "q").Paused != *paused {
			t.Fatalf("paused %v: %+v, %v", *paused, got, err)
		}
	}
	set(&on)
	set(&on)
	s.claim(node, q, 5)
	s.lease(q, 5, time.Minute)
	s.claim(node, other, 1, 1)
	s.must(publishing(entry("x", "4")))
	s.must(settling(bus.Acked, held...))
	s.claim(node, q, 5)
	s.wantWaiting(q, 2, 3, 4)
	if _, err := s.ConfigureQueue(ctx, "x", "q", bus.QueueSettings{}); err != nil || !s.queue("x", "q").Paused {
		t.Errorf("a change of nothing ended the pause: %v", err)
	}
	s.wantStirred(mark, 5)
	set(&off)
	mark = s.wantStirred(mark, 5, q.ID)
	set(&off)
	s.wantStirred(mark, 5)
	s.claim(node, q, 5, 2, 3, 4)
}

func testBacklogOf(t *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	want := func(b bus.Backlog) {
		t.Helper()
		got, err := s.Backlog(context.Background(), q.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, got); diff != "" {
			t.Fatalf("Backlog (-want +got):\n%s", diff)
		}
	}
	ready := func(upTo, want int64) {
		t.Helper()
		if n, err := s.CountReady(context.Background(), q.ID, upTo); err != nil || n != want {
			t.Errorf("CountReady up to %d = %d, %v, want %d", upTo, n, err, want)
		}
	}
	want(bus.Backlog{})
	ready(100, 0)
	s.must(ranked(5)...)
	first := s.at
	s.must(ranked(0)...)
	second := s.at
	s.must(ranked(9)...)
	want(bus.Backlog{Oldest: first})
	ready(100, 3)
	ready(2, 2)
	s.lease(q, 1, time.Minute, 2)
	want(bus.Backlog{Claimed: 1, Oldest: first})
	s.claim(node, q, 1, 1)
	want(bus.Backlog{Claimed: 2, Oldest: second.Add(time.Second)})
	ready(100, 1)
	s.claim(node, q, 1, 3)
	want(bus.Backlog{Claimed: 3})
}
