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
	h := &history{rand: rand.New(rand.NewPCG(seed, 1))}
	s := openNew(t)
	for step := range 150 {
		ops := make([]*bus.Op, 1+h.rand.IntN(20))
		for i := range ops {
			ops[i] = h.op(t)
		}
		if err := s.Commit(t.Context(), bustest.Piece(ops...)); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
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
	rand *rand.Rand
	made []*bus.Entry
}

func (h *history) feed() string { return fmt.Sprintf("feed %d", h.rand.IntN(4)) }

// op makes an op on an entry of any state, of this commit perhaps.
func (h *history) op(t *testing.T) *bus.Op {
	kind := bus.OpPublish
	if len(h.made) > 0 {
		kind = []bus.OpKind{bus.OpPublish, bus.OpPublish, bus.OpReplace, bus.OpRemove}[h.rand.IntN(4)]
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
		return op
	}
	old := h.made[h.rand.IntN(len(h.made))]
	op.Posts[0].Entry = &bus.Entry{Member: feeds.Member{Feed: old.Feed, UUID: old.UUID, XML: e.XML}}
	if h.rand.IntN(4) == 0 {
		op.IfID = old.ID
	}
	return op
}
