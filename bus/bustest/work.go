package bustest

import (
	"context"
	"errors"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

// through makes postings of entries sent through a queue.
func through(queue string, entries ...*bus.Entry) *bus.Op {
	op := publishing(entries...)
	for i := range op.Posts {
		op.Posts[i].Queue = queue
	}
	return op
}

func claiming(node, queue int64, count int) *bus.Op {
	return &bus.Op{Kind: bus.OpClaim, Order: bus.Order{Node: node, Queue: queue, Count: count}}
}

// settling makes an op that gives the same verdict on all claims and publishes nothing.
func settling(v bus.Verdict, claims ...bus.Claim) *bus.Op {
	op := &bus.Op{Kind: bus.OpPublish}
	for _, c := range claims {
		op.Settle = append(op.Settle, bus.Settlement{Claim: c, Verdict: v})
	}
	return op
}

func dropping(feed string) *bus.Op { return &bus.Op{Kind: bus.OpDrop, Drop: feed} }

func (s *suite) join() int64 {
	s.Helper()
	node, err := s.Join(context.Background())
	if err != nil {
		s.Fatalf("Join: %v", err)
	}
	return node
}

// open returns a queue, making it if there is none.
func (s *suite) open(feed, name string) *bus.Queue {
	s.Helper()
	q, err := s.ConfigureQueue(context.Background(), feed, name, bus.QueueSettings{})
	if err != nil {
		s.Fatalf("ConfigureQueue(%q, %q): %v", feed, name, err)
	}
	return q
}

func (s *suite) queue(feed, name string) *bus.Queue {
	s.Helper()
	q, err := s.Queue(context.Background(), feed, name)
	if err != nil {
		s.Fatalf("Queue(%q, %q): %v", feed, name, err)
	}
	return q
}

// claim has node claim at most count entries of q, and checks which it gets.
func (s *suite) claim(node int64, q *bus.Queue, count int, want ...int64) []bus.Claim {
	s.Helper()
	op := claiming(node, q.ID, count)
	s.must(op)
	s.wantClaimed(op, want...)
	return op.Order.Claims
}

// wantClaimed checks which entries were handed out.
func (s *suite) wantClaimed(op *bus.Op, want ...int64) {
	s.Helper()
	var got []int64
	for _, c := range op.Order.Claims {
		got = append(got, c.ID)
		if c.Node != op.Order.Node || c.Queue != op.Order.Queue {
			s.Errorf("claim %+v of queue %d by node %d", c, op.Order.Queue, op.Order.Node)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Fatalf("claimed ids (-want +got):\n%s", diff)
	}
}

func (s *suite) waiting(queue int64, after bus.Place, limit int) []bus.Place {
	s.Helper()
	page, err := s.Waiting(context.Background(), queue, after, limit, 0)
	if err != nil {
		s.Fatalf("Waiting(%d, %v, %d): %v", queue, after, limit, err)
	}
	return page
}

// wantWaiting checks which entries wait in q, claimed or not, and that it counts them.
func (s *suite) wantWaiting(q *bus.Queue, want ...int64) {
	s.Helper()
	var got []int64
	for _, p := range s.waiting(q.ID, bus.Place{}, 10_000) {
		got = append(got, p.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Fatalf("ids waiting in %v (-want +got):\n%s", q.QueueName, diff)
	}
	if n := s.queue(q.Feed, q.Name).Waiting; n != int64(len(want)) {
		s.Fatalf("%v counts %d waiting, want %d", q.QueueName, n, len(want))
	}
}

// wantGone checks which settlements say that they took the entry out of its feed.
func (s *suite) wantGone(op *bus.Op, want ...bool) {
	s.Helper()
	var got []bool
	for _, settled := range op.Settle {
		got = append(got, settled.Gone)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Fatalf("Gone (-want +got):\n%s", diff)
	}
}

func (s *suite) wantAllGone(op *bus.Op) {
	s.Helper()
	for i, settled := range op.Settle {
		if !settled.Gone {
			s.Fatalf("settlement %d left its entry in the feed", i)
		}
	}
}

func attempts(claims []bus.Claim) []int {
	var out []int
	for _, c := range claims {
		out = append(out, c.Attempt)
	}
	return out
}

func (s *suite) untilAcked(feed string, on bool) {
	s.Helper()
	if _, err := s.Configure(context.Background(), feed, bus.Settings{UntilAcked: &on}); err != nil {
		s.Fatalf("Configure(%q): %v", feed, err)
	}
}

// wantErr checks what op was refused with.
func (s *suite) wantErr(op *bus.Op, want error) {
	s.Helper()
	if !errors.Is(op.Err, want) {
		s.Fatalf("op.Err = %v, want %v", op.Err, want)
	}
}

// wantAccount checks that feed x has these entries alone, and knows it, with none pruned.
func (s *suite) wantAccount(lastID int64, live ...*bus.Entry) {
	s.Helper()
	var bytes int64
	for _, e := range live {
		bytes += int64(len(e.XML))
	}
	f := s.feed("x")
	if f.Entries != int64(len(live)) || f.Bytes != bytes || f.LastID != lastID || f.Pruned != 0 {
		s.Fatalf("feed = %+v, want %d entries of %d bytes, last id %d, none pruned", f, len(live), bytes, lastID)
	}
	if diff := cmp.Diff(ids(live), ids(s.read(bus.Query{Feed: "x", Limit: 10_000}))); diff != "" {
		s.Fatalf("ids in the feed (-want +got):\n%s", diff)
	}
}
