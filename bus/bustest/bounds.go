package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"atommq/bus"
)

// sized makes an entry of so many bytes.
func sized(feed string, bytes int) *bus.Entry {
	e := entry(feed, "")
	return entry(feed, strings.Repeat("x", bytes-len(e.XML)))
}

// bounded makes op claim no more than bytes.
func bounded(op *bus.Op, bytes int64) *bus.Op {
	op.Order.Bytes = bytes
	return op
}

func testClaimBytes(_ *testing.T, s *suite) {
	const size = 1000
	q, node := s.open("x", "q"), s.join()
	claim := func(op *bus.Op, before []*bus.Op, want ...int64) {
		s.Helper()
		s.must(append(before, op)...)
		s.wantClaimed(op, want...)
	}
	fresh := func(n int) (ops []*bus.Op) {
		for range n {
			ops = append(ops, publishing(sized("x", size)))
		}
		return ops
	}
	expired := publishing(sized("x", 5*size))
	expired.Posts[0].Expires = s.at
	s.must(expired)
	s.must(fresh(5)...) // 2 to 6
	claim(bounded(claiming(node, q.ID, 10), 1), nil, 2)
	claim(bounded(claiming(node, q.ID, 10), size), nil, 3, 4)
	claim(bounded(leasing(q.ID, 10, time.Minute), size-1), nil, 5)
	s.wantWaiting(q, 2, 3, 4, 5, 6)
	claim(bounded(claiming(node, q.ID, 10), size), fresh(3), 6, 7) // 7 to 9: one waits, the others come with it
	claim(bounded(leasing(q.ID, 10, time.Minute), 1), fresh(1), 8)
	claim(bounded(claiming(node, q.ID, 1), 100*size), nil, 9)
	claim(bounded(claiming(node, q.ID, 10), 100*size), nil, 10)
	claim(bounded(claiming(node, q.ID, 10), 1), fresh(2), 11)
	claim(bounded(leasing(q.ID, 10, time.Minute), size), fresh(2), 12, 13)
	again := claiming(node, q.ID, 10)
	claim(again, nil, 14)
	if c := again.Order.Claims[0]; c.Attempt != 1 {
		s.Errorf("what a bound left had attempt %d already", c.Attempt)
	}
}

func testWaitingBytes(t *testing.T, s *suite) {
	const size = 1000
	q, node := s.open("x", "q"), s.join()
	for range 4 {
		s.must(publishing(sized("x", size)))
	}
	s.claim(node, q, 1, 1)
	want := func(bytes int64, after int64, want ...int64) {
		t.Helper()
		places, err := s.Waiting(context.Background(), q.ID, bus.Place{ID: after}, 10, bytes)
		var got []int64
		for _, p := range places {
			got = append(got, p.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d bytes after %d: %d, %v, want %d", bytes, after, got, err, want)
		}
	}
	want(1, 0, 1)
	want(size, 0, 1, 2)
	want(size-1, 2, 3)
	want(0, 0, 1, 2, 3, 4)
	want(1, 4)
}

// fill gives a feed as many queues as it may have, q1 and so on.
func (s *suite) fill(feed string) {
	s.Helper()
	ops := make([]*bus.Op, bus.MostQueues)
	for i := range ops {
		ops[i] = opening(feed, fmt.Sprint("q", i+1))
	}
	s.must(ops...)
}

func opening(feed, queue string) *bus.Op {
	return &bus.Op{Kind: bus.OpOpen, Open: &bus.Queue{QueueName: bus.QueueName{Feed: feed, Name: queue}}}
}

func testMostQueues(t *testing.T, s *suite) {
	ctx := context.Background()
	s.fill("x")
	s.refused(opening("x", "more"), bus.ErrManyQueues)
	if _, err := s.ConfigureQueue(ctx, "x", "more", bus.QueueSettings{}); !errors.Is(err, bus.ErrManyQueues) {
		t.Errorf("ConfigureQueue of one more: %v", err)
	}
	if _, err := s.Queue(ctx, "x", "more"); !errors.Is(err, bus.ErrNoQueue) {
		t.Errorf("Queue(more): %v", err)
	}
	attempts := 3
	if q, err := s.ConfigureQueue(ctx, "x", "q1", bus.QueueSettings{Attempts: &attempts}); err != nil || q.Attempts != attempts {
		t.Errorf("ConfigureQueue of one that is there: %+v, %v", q, err)
	}
	s.must(opening("x", "q2"), opening("y", "more"))
	dropped := &bus.Op{Kind: bus.OpDropQueue, Purge: &bus.Purge{Queue: s.queue("x", "q1").ID}}
	s.must(dropped, opening("x", "more"))
	s.refused(opening("x", "q1"), bus.ErrManyQueues)
}

func testMostQueuesOfPostings(t *testing.T, s *suite) {
	s.fill("x")
	first := s.queue("x", "q1")
	lost := publishing(entry("x", "lost"), entry("x", "lost, too"))
	lost.Posts[1].Queue = "more"
	s.refused(lost, bus.ErrManyQueues)
	s.must(through("q2", entry("x", "1")))
	s.wantWaiting(first, 1)
	s.must(&bus.Op{Kind: bus.OpDropQueue, Purge: &bus.Purge{Queue: s.queue("x", "q3").ID}})
	two := through("more", entry("x", "lost"), entry("x", "lost, too"))
	two.Posts[1].Queue = "q3"
	s.refused(two, bus.ErrManyQueues)
	s.must(through("more", entry("x", "2"), entry("x", "3")))
	s.wantWaiting(s.queue("x", "more"), 2, 3)
	s.wantWaiting(first, 1, 2, 3)

	// A dead letter goes to the queues that there are.
	living := s.open("living", "q")
	s.must(publishing(entry("living", "4")))
	op := settling(bus.Acked, s.claim(s.join(), living, 1, 4)...)
	op.Posts = []bus.Posting{{Entry: entry("x", "5"), Queue: "default", InPlaceOf: 1}}
	s.must(op)
	s.wantWaiting(first, 1, 2, 3, 5)
	s.wantWaiting(living)

	// What would go back to a queue that cannot be made stays.
	s.must(through("default", entry("x.dead", "6")))
	dead := s.queue("x.dead", "default")
	letter := s.lease(dead, 1, time.Minute, 6)
	s.refused(requeuing(letter[0], entry("x", "lost"), 99), bus.ErrManyQueues)
	s.wantWaiting(dead, 6)
	if _, err := s.Queue(context.Background(), "x", "q"); !errors.Is(err, bus.ErrNoQueue) {
		t.Errorf("a queue beyond the most: %v", err)
	}
}
