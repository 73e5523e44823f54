package bustest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"atommq/bus"
	"atommq/feeds"
)

// testModel runs random histories on the store and on a Memory, and compares
// all that can be read.
func testModel(t *testing.T, s *suite) {
	r := rand.New(rand.NewPCG(1, 2))
	model := &suite{TB: t, Store: &Memory{}, at: s.at}
	h := &history{r: r, names: []string{"a", "b", "c"}}
	for step := range 150 {
		ours, theirs := h.batch()
		s.commit(ours...)
		model.commit(theirs...)
		for i := range ours {
			compareOps(t, step, theirs[i], ours[i])
		}
		h.learn(ours)
		if r.IntN(10) == 0 {
			h.prune(t, s, model)
		}
	}
	for _, name := range h.names {
		for _, newest := range []bool{false, true} {
			q := bus.Query{Feed: name, Newest: newest, Limit: 10_000}
			if diff := cmp.Diff(members(model.read(q)), members(s.read(q)), equateEmpty); diff != "" {
				t.Fatalf("feed %q (-model +store):\n%s", name, diff)
			}
		}
		ignore := cmpopts.IgnoreFields(feeds.Feed{}, "UUID", "Created")
		if diff := cmp.Diff(model.feed(name), s.feed(name), ignore); diff != "" {
			t.Fatalf("feed %q (-model +store):\n%s", name, diff)
		}
	}
	if s.head() != model.head() {
		t.Errorf("Head = %d, want %d", s.head(), model.head())
	}
}

func compareOps(t *testing.T, step int, want, got *bus.Op) {
	t.Helper()
	if !errors.Is(got.Err, want.Err) {
		t.Fatalf("step %d: error %v, want %v", step, got.Err, want.Err)
	}
	if want.Err != nil {
		return
	}
	if got.Freed != want.Freed {
		t.Fatalf("step %d: Freed %d, want %d", step, got.Freed, want.Freed)
	}
	for i := range want.Posts {
		w, g := want.Posts[i], got.Posts[i]
		if diff := cmp.Diff(w.Entry.Member, g.Entry.Member, equateEmpty); diff != "" || w.Replayed != g.Replayed {
			t.Fatalf("step %d, posting %d: replayed %v, want %v (-model +store):\n%s", step, i, g.Replayed, w.Replayed, diff)
		}
	}
}

// history makes up ops, twice each, so that two stores can have their own.
type history struct {
	r     *rand.Rand
	names []string
	known []feeds.Member // published ones
	count int
}

func (h *history) batch() (ours, theirs []*bus.Op) {
	for range 1 + h.r.IntN(8) {
		op := h.op()
		ours, theirs = append(ours, op), append(theirs, clone(op))
	}
	return ours, theirs
}

func clone(op *bus.Op) *bus.Op {
	c := *op
	c.Posts = nil
	for _, p := range op.Posts {
		p.Entry = &bus.Entry{Member: p.Entry.Member}
		c.Posts = append(c.Posts, p)
	}
	return &c
}

func (h *history) op() *bus.Op {
	if h.r.IntN(3) == 0 && len(h.known) > 0 {
		old := &bus.Entry{Member: h.known[h.r.IntN(len(h.known))]}
		ifID := []int64{0, 0, old.ID, old.ID + 1}[h.r.IntN(4)]
		if h.r.IntN(3) == 0 {
			return removing(old, ifID)
		}
		return replacing(old, h.title(), ifID)
	}
	var list []*bus.Entry
	for range 1 + h.r.IntN(3) {
		list = append(list, entry(h.names[h.r.IntN(len(h.names))], h.title()))
	}
	if h.r.IntN(3) == 0 {
		for _, e := range list {
			e.Feed = list[0].Feed
		}
		return keyed(fmt.Sprint("key ", h.r.IntN(30)), byte(h.r.IntN(2)), list[:1]...)
	}
	return publishing(list...)
}

func (h *history) title() string {
	h.count++
	return fmt.Sprintf("%0*d", 1+h.r.IntN(20), h.count)
}

func (h *history) learn(ops []*bus.Op) {
	for _, op := range ops {
		if op.Err == nil {
			for _, p := range op.Posts {
				h.known = append(h.known, p.Entry.Member)
			}
		}
	}
}

func (h *history) prune(t *testing.T, s, model *suite) {
	t.Helper()
	name, upTo, limit := h.names[h.r.IntN(len(h.names))], h.r.Int64N(s.head()), 1+h.r.IntN(5)
	want, wantErr := model.Prune(context.Background(), name, upTo, limit)
	got, err := s.Prune(context.Background(), name, upTo, limit)
	if got != want || !errors.Is(err, wantErr) {
		t.Fatalf("Prune(%q, %d, %d) = %d, %v, want %d, %v", name, upTo, limit, got, err, want, wantErr)
	}
}

func members(entries []*bus.Entry) []feeds.Member {
	var out []feeds.Member
	for _, e := range entries {
		out = append(out, e.Member)
	}
	return out
}
