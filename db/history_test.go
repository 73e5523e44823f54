package db

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

// The conformance suite compares answers with a model's. This one looks below
// them: whatever happened, the feeds' accounts are what a count gives.
func TestAccountsStayExactThroughAnyHistory(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s, node, _ := worker(t)
	h := &history{rand: rand.New(rand.NewPCG(seed, 1)), node: node}
	for step := range 150 {
		ops := make([]*bus.Op, 1+h.rand.IntN(20))
		for i := range ops {
			ops[i] = h.op(t)
		}
		if err := s.Commit(t.Context(), bustest.Piece(ops...)); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		h.remember(t, s, ops)
		if h.rand.IntN(5) == 0 {
			upTo, limit := h.rand.Int64N(int64(step*10+1)), 1+h.rand.IntN(30)
			if _, err := s.Prune(t.Context(), h.feed(), upTo, limit); err != nil && !errors.Is(err, bus.ErrNoFeed) {
				t.Fatalf("step %d: %v", step, err)
			}
		}
		checkAccounts(t, s)
		if t.Failed() {
			t.Fatalf("step %d", step)
		}
	}
}

type history struct {
	rand   *rand.Rand
	node   int64
	made   []*bus.Entry
	queues []int64
	held   []bus.Claim // also those settled or gone since
}

func (h *history) feed() string { return fmt.Sprintf("feed %d", h.rand.IntN(4)) }

// op makes an op on an entry of any state, of this commit perhaps.
func (h *history) op(t *testing.T) *bus.Op {
	kind := bus.OpPublish
	if len(h.made) > 0 {
		kind = []bus.OpKind{bus.OpPublish, bus.OpPublish, bus.OpReplace, bus.OpRemove}[h.rand.IntN(4)]
	}
	if len(h.queues) > 0 && h.rand.IntN(4) == 0 {
		return claiming(h.node, h.queues[h.rand.IntN(len(h.queues))], 1+h.rand.IntN(20))
	}
	if h.rand.IntN(100) == 0 {
		return &bus.Op{Kind: bus.OpDrop, Drop: h.feed()}
	}
	op := publishing(t, h.feed(), 1)[0]
	op.Kind = kind
	e := op.Posts[0].Entry
	e.XML = []byte(strings.Repeat("ü", h.rand.IntN(300)))
	if kind == bus.OpPublish {
		if h.rand.IntN(3) == 0 {
			op.Posts[0].Key = fmt.Sprint(h.rand.IntN(40))
			op.Posts[0].Digest[0] = byte(h.rand.IntN(2))
		}
		h.made = append(h.made, e)
		h.queue(op)
		return op
	}
	old := h.made[h.rand.IntN(len(h.made))]
	op.Posts[0].Entry = &bus.Entry{Member: feeds.Member{Feed: old.Feed, UUID: old.UUID, XML: e.XML}}
	if h.rand.IntN(4) == 0 {
		op.IfID = old.ID
	}
	return op
}

// queue has op send through a queue, perhaps, and settle claims.
func (h *history) queue(op *bus.Op) {
	p := &op.Posts[0]
	if h.rand.IntN(2) == 0 {
		p.Queue = fmt.Sprintf("queue %d", h.rand.IntN(3))
	}
	p.Rank = uint8(h.rand.IntN(10))
	if h.rand.IntN(5) == 0 {
		p.Expires = op.At
	}
	for range h.rand.IntN(len(h.held)/4 + 1) {
		claim := h.held[h.rand.IntN(len(h.held))]
		op.Settle = append(op.Settle, bus.Settlement{Claim: claim, Verdict: bus.Verdict(1 + h.rand.IntN(3))})
	}
}

// remember takes note of what ops claimed, and which queues there are.
func (h *history) remember(t *testing.T, s *Store, ops []*bus.Op) {
	t.Helper()
	for _, op := range ops {
		h.held = append(h.held, op.Order.Claims...)
	}
	h.held = h.held[max(0, len(h.held)-200):]
	queues, err := s.Queues(t.Context(), bus.QueueName{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	h.queues = h.queues[:0]
	for _, q := range queues {
		h.queues = append(h.queues, q.ID)
	}
}
