package bustest

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

// Mortal is a store that can make a node look like one whose process is gone.
type Mortal interface{ Die(node int64) }

var _ Mortal = (*Memory)(nil)

func (s *suite) leave(node int64) {
	s.Helper()
	if err := s.Leave(context.Background(), node); err != nil {
		s.Fatalf("Leave(%d): %v", node, err)
	}
}

func (s *suite) recovered() []int64 {
	s.Helper()
	queues, err := s.Recover(context.Background())
	if err != nil {
		s.Fatalf("Recover: %v", err)
	}
	slices.Sort(queues)
	return queues
}

func testJoin(t *testing.T, s *suite) {
	seen := make(map[int64]bool)
	for range 10 {
		node := s.join()
		if node <= 0 || seen[node] {
			t.Fatalf("Join = %d after %v", node, seen)
		}
		seen[node] = true
		if len(seen)%2 == 0 {
			s.leave(node)
		}
	}
}

func testUnknownNode(_ *testing.T, s *suite) {
	q, node := s.open("x", "q"), s.join()
	s.series("x", 2)
	held := s.claim(node, q, 1, 1)
	for _, unknown := range []int64{0, -2, node + 1} {
		s.refused(claiming(unknown, q.ID, 1), bus.ErrClaimLost)
		claim := held[0]
		claim.Node = unknown
		s.refused(settling(bus.Acked, claim), bus.ErrClaimLost)
	}
	s.wantWaiting(q, 1, 2)
	s.claim(node, q, 5, 2)
}

func testLeave(t *testing.T, s *suite) {
	q, other, a, b := s.open("x", "q"), s.open("x", "other"), s.join(), s.join()
	s.must(ranked(5, 0, 9, 5)...)
	held := s.claim(a, q, 2, 2, 1)
	s.claim(b, q, 1, 4)
	s.claim(a, other, 1, 2)
	s.leave(a)
	s.leave(a)
	s.refused(settling(bus.Acked, held...), bus.ErrClaimLost)
	s.refused(claiming(a, q.ID, 1), bus.ErrClaimLost)
	s.wantWaiting(q, 2, 1, 4, 3)
	if diff := cmp.Diff([]int{2, 2, 1}, attempts(s.claim(b, q, 5, 2, 1, 3))); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	s.claim(s.join(), other, 5, 2, 1, 4, 3)
}

func testLeaveMany(t *testing.T, s *suite) {
	const n = 1500
	q, other, a, b := s.open("x", "q"), s.open("x", "other"), s.join(), s.join()
	all := ids(s.series("x", n))
	s.claim(a, q, n, all...)
	s.claim(a, other, n, all...)
	s.leave(a)
	for _, q := range []*bus.Queue{q, other} {
		s.wantWaiting(q, all...)
		for i, attempt := range attempts(s.claim(b, q, n+1, all...)) {
			if attempt != 2 {
				t.Fatalf("attempt %d at entry %d of %v, want 2", attempt, all[i], q.QueueName)
			}
		}
	}
}

func testRecover(t *testing.T, s *suite) {
	store, mortal := s.Store.(Mortal)
	if !mortal {
		t.Skip("nodes of this store die only with their process")
	}
	q, other, idle := s.open("x", "q"), s.open("x", "other"), s.open("y", "idle")
	a, b, c := s.join(), s.join(), s.join()
	s.must(ranked(5, 0, 9, 5)...)
	s.must(publishing(entry("y", "5")))
	held := s.claim(a, q, 2, 2, 1)
	s.claim(b, q, 1, 4)
	s.claim(c, other, 1, 2)
	s.claim(b, idle, 1, 5)
	if queues := s.recovered(); len(queues) != 0 {
		t.Fatalf("Recover = %v while all nodes live", queues)
	}
	store.Die(a)
	store.Die(c)
	want := []int64{q.ID, other.ID}
	slices.Sort(want)
	if diff := cmp.Diff(want, s.recovered()); diff != "" {
		t.Fatalf("queues that got work back (-want +got):\n%s", diff)
	}
	if queues := s.recovered(); len(queues) != 0 {
		t.Errorf("Recover = %v, the second time", queues)
	}
	s.refused(settling(bus.Acked, held...), bus.ErrClaimLost)
	if diff := cmp.Diff([]int{2, 2, 1}, attempts(s.claim(b, q, 5, 2, 1, 3))); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	s.claim(b, other, 5, 2, 1, 4, 3)
	s.wantWaiting(idle, 5)
}

func testLiving(t *testing.T, s *suite) {
	a, b := s.join(), s.join()
	s.wantLiving(a, b)
	s.leave(a)
	s.wantLiving(b)
	if store, mortal := s.Store.(Mortal); mortal {
		store.Die(b)
		s.wantLiving()
		s.recovered()
		s.wantLiving()
	}
}

func (s *suite) wantLiving(want ...int64) {
	s.Helper()
	nodes, err := s.Living(context.Background())
	if err != nil {
		s.Fatal(err)
	}
	if slices.Sort(nodes); !slices.Equal(nodes, want) {
		s.Errorf("Living = %d, want %d", nodes, want)
	}
}

func testStirred(t *testing.T, s *suite) {
	node := s.join()
	var queues []*bus.Queue
	var ids []int64
	for _, feed := range []string{"a", "b", "c"} {
		q := s.open(feed, "q")
		s.series(feed, 1)
		queues, ids = append(queues, q), append(ids, q.ID)
	}
	start := s.wantStirred(-1, 1)
	if next := s.wantStirred(start, 10); next != start {
		t.Errorf("the mark went from %d to %d for nothing", start, next)
	}
	for _, i := range []int{1, 0, 1} {
		held := s.claim(node, queues[i], 1, int64(i+1))
		s.must(settling(bus.Released, held...))
	}
	s.wantStirred(start, 10, ids[0], ids[1])
	middle := s.wantStirred(start, 1, ids[0])
	end := s.wantStirred(middle, 1, ids[1])
	s.wantStirred(end, 1)
	if newest := s.wantStirred(-1, 1); newest != end {
		t.Errorf("the newest mark is %d, want %d", newest, end)
	}
	s.claim(node, queues[2], 1, 3)
	s.leave(node)
	s.wantStirred(end, 10, ids[2])
}

func (s *suite) wantStirred(mark int64, limit int, want ...int64) (next int64) {
	s.Helper()
	got, next, err := s.Stirred(context.Background(), mark, limit)
	if err != nil {
		s.Fatal(err)
	}
	if !slices.Equal(got, want) {
		s.Errorf("Stirred(%d, %d) = %d, want %d", mark, limit, got, want)
	}
	return next
}
