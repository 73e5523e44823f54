package bustest

import (
	std "cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"atommq/bus"
	"atommq/feeds"
)

// testModel runs a random history on the store and on a Memory, and compares all
// that can be read.
func testModel(t *testing.T, s *suite) {
	const steps = 400
	w := &twins{TB: t, store: s, model: &suite{TB: t, Store: &Memory{}, at: s.at}, nodes: make(map[int64]int64), queues: make(map[int64]int64)}
	h := &history{r: rand.New(rand.NewPCG(1, 2)), twins: w, feeds: []string{"a", "a/b", "b"}}
	for range 3 {
		h.join()
	}
	for w.step = range steps {
		ops := h.batch()
		w.commit(ops, 1+h.r.IntN(len(ops)))
		h.learn(ops)
		if h.r.IntN(4) == 0 {
			h.meddle()
		}
		if w.step%20 == 0 || w.step == steps-1 {
			w.compare(h.feeds)
		}
	}
}

// twins are the store under test and the Memory that it is to be like. They number nodes and queues
// as they please.
type twins struct {
	testing.TB
	step          int
	store, model  *suite
	nodes, queues map[int64]int64 // the model's for the store's
}

// commit has both commit ops, given in the store's numbers, in pieces of size, and compares what
// they say of it.
func (w *twins) commit(ops []*bus.Op, size int) {
	w.Helper()
	var theirs []*bus.Op
	for _, op := range ops {
		theirs = append(theirs, w.translate(op))
	}
	w.store.commitBy(size, ops)
	w.model.commitBy(size, theirs)
	for i := range ops {
		w.compareOps(theirs[i], ops[i])
	}
}

// translate returns a copy of op for the model.
func (w *twins) translate(op *bus.Op) *bus.Op {
	c := *op
	c.Posts = slices.Clone(op.Posts)
	for i, p := range c.Posts {
		c.Posts[i].Entry = &bus.Entry{Member: p.Entry.Member}
	}
	c.Settle = slices.Clone(op.Settle)
	for i := range c.Settle {
		c.Settle[i].Claim = w.claim(c.Settle[i].Claim)
	}
	c.Order.Node, c.Order.Queue = w.node(op.Order.Node), w.queues[op.Order.Queue]
	if op.Purge != nil {
		p := *op.Purge
		p.Queue = w.queues[p.Queue]
		c.Purge = &p
	}
	return &c
}

// node returns a node in the model's numbers.
func (w *twins) node(node int64) int64 {
	if node == bus.LeaseNode {
		return node
	}
	return w.nodes[node]
}

// claim returns c in the model's numbers.
func (w *twins) claim(c bus.Claim) bus.Claim {
	c.Node, c.Queue = w.node(c.Node), w.queues[c.Queue]
	return c
}

func (w *twins) compareOps(want, got *bus.Op) {
	w.Helper()
	if !errors.Is(got.Err, want.Err) {
		w.Fatalf("step %d: error %v, want %v", w.step, got.Err, want.Err)
	}
	if want.Err != nil {
		return
	}
	if got.Freed != want.Freed {
		w.Fatalf("step %d: Freed %d, want %d", w.step, got.Freed, want.Freed)
	}
	for i := range want.Posts {
		p, q := want.Posts[i], got.Posts[i]
		if diff := cmp.Diff(p.Entry.Member, q.Entry.Member, bytewise); diff != "" || p.Replayed != q.Replayed {
			w.Fatalf("step %d, posting %d: replayed %v, want %v (-model +store):\n%s", w.step, i, q.Replayed, p.Replayed, diff)
		}
	}
	for i := range want.Settle {
		if got.Settle[i].Gone != want.Settle[i].Gone {
			w.Fatalf("step %d, settlement %d: Gone %v, want %v", w.step, i, got.Settle[i].Gone, want.Settle[i].Gone)
		}
		if got.Settle[i].Lost != want.Settle[i].Lost {
			w.Fatalf("step %d, settlement %d: Lost %v, want %v", w.step, i, got.Settle[i].Lost, want.Settle[i].Lost)
		}
	}
	if p := want.Purge; p != nil && (p.Removed != got.Purge.Removed || p.Last != got.Purge.Last) {
		w.Fatalf("step %d: purged %d up to %v, want %d up to %v", w.step, got.Purge.Removed, got.Purge.Last, p.Removed, p.Last)
	}
	var claims []bus.Claim
	for _, c := range got.Order.Claims {
		claims = append(claims, w.claim(c))
	}
	if diff := cmp.Diff(want.Order.Claims, claims, cmpopts.EquateEmpty()); diff != "" || want.Order.Expired != got.Order.Expired {
		w.Fatalf("step %d: %d expired, want %d; claims (-model +store):\n%s", w.step, got.Order.Expired, want.Order.Expired, diff)
	}
}

// list returns the store's queues, once they are compared with the model's.
func (w *twins) list() []*bus.Queue {
	w.Helper()
	ctx := context.Background()
	got, err := w.store.Queues(ctx, bus.QueueName{}, 1000)
	want, _ := w.model.Queues(ctx, bus.QueueName{}, 1000)
	ignore := cmpopts.IgnoreFields(bus.Queue{}, "ID", "Created")
	if diff := cmp.Diff(want, got, ignore, cmpopts.EquateEmpty()); diff != "" || err != nil {
		w.Fatalf("step %d: queues: %v (-model +store):\n%s", w.step, err, diff)
	}
	for i, q := range got {
		if id, known := w.queues[q.ID]; known && id != want[i].ID {
			w.Fatalf("step %d: %v has the id of another queue", w.step, q.QueueName)
		}
		w.queues[q.ID] = want[i].ID
	}
	return got
}

// compare compares all that can be read of the feeds and their queues.
func (w *twins) compare(names []string) {
	w.Helper()
	for _, q := range w.list() {
		want := w.model.waiting(w.queues[q.ID], bus.Place{}, 10_000)
		if diff := cmp.Diff(want, w.store.waiting(q.ID, bus.Place{}, 10_000)); diff != "" {
			w.Fatalf("step %d: waiting in %v (-model +store):\n%s", w.step, q.QueueName, diff)
		}
		w.compareBacklog(q.ID)
	}
	w.compareLeases()
	for _, name := range names {
		w.compareFeed(name)
		w.compareReads(bus.Query{Feed: name})
		w.compareReads(bus.Query{Feed: name, Newest: true})
		w.compareReads(bus.Query{Feed: name, Prefix: true})
	}
	w.compareReads(bus.Query{Prefix: true, Newest: true})
	if w.store.head() != w.model.head() {
		w.Fatalf("step %d: Head = %d, want %d", w.step, w.store.head(), w.model.head())
	}
}

func (w *twins) compareBacklog(queue int64) {
	w.Helper()
	want, _ := w.model.Backlog(context.Background(), w.queues[queue])
	got, err := w.store.Backlog(context.Background(), queue)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		w.Fatalf("step %d: backlog: %v (-model +store):\n%s", w.step, err, diff)
	}
}

// compareLeases compares those there are. Which of several that end at the same time comes first is open.
func (w *twins) compareLeases() {
	w.Helper()
	want, _ := w.model.Leases(context.Background(), 10_000)
	got, err := w.store.Leases(context.Background(), 10_000)
	if !slices.IsSortedFunc(got, func(a, b bus.Lease) int { return a.Deadline.Compare(b.Deadline) }) {
		w.Fatalf("step %d: the leases are not in the order of their deadlines", w.step)
	}
	for i := range got {
		got[i].Claim = w.claim(got[i].Claim)
	}
	order := cmpopts.SortSlices(func(a, b bus.Lease) bool {
		return std.Or(std.Compare(a.Queue, b.Queue), comparePlaces(a.Place, b.Place)) < 0
	})
	if diff := cmp.Diff(want, got, order, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(bus.Lease{})); diff != "" || err != nil {
		w.Fatalf("step %d: leases: %v (-model +store):\n%s", w.step, err, diff)
	}
}

func (w *twins) compareFeed(name string) {
	w.Helper()
	want, wantErr := w.model.Feed(context.Background(), name)
	got, err := w.store.Feed(context.Background(), name)
	ignore := cmpopts.IgnoreFields(feeds.Feed{}, "UUID", "Created")
	if diff := cmp.Diff(want, got, ignore); diff != "" || !errors.Is(err, wantErr) {
		w.Fatalf("step %d: feed %q: %v, want %v (-model +store):\n%s", w.step, name, err, wantErr, diff)
	}
}

func (w *twins) compareReads(q bus.Query) {
	w.Helper()
	q.Limit = 10_000
	if diff := cmp.Diff(members(w.model.read(q)), members(w.store.read(q)), bytewise); diff != "" {
		w.Fatalf("step %d: Read(%+v) (-model +store):\n%s", w.step, q, diff)
	}
}

func members(entries []*bus.Entry) []feeds.Member {
	var out []feeds.Member
	for _, e := range entries {
		out = append(out, e.Member)
	}
	return out
}

// prune prunes both, and compares.
func (w *twins) prune(feed string, upTo int64, limit int) {
	w.Helper()
	want, wantErr := w.model.Prune(context.Background(), feed, upTo, limit)
	got, err := w.store.Prune(context.Background(), feed, upTo, limit)
	if got != want || !errors.Is(err, wantErr) {
		w.Fatalf("step %d: Prune(%q, %d, %d) = %d, %v, want %d, %v", w.step, feed, upTo, limit, got, err, want, wantErr)
	}
}

// each does the same to both.
func (w *twins) each(do func(s *suite)) {
	w.Helper()
	do(w.store)
	do(w.model)
}

func (w *twins) join() (node int64) {
	w.Helper()
	node = w.store.join()
	w.nodes[node] = w.model.join()
	return node
}

// bury ends a node of both: its process dies, where the store can show that, and is found dead.
func (w *twins) bury(node int64) {
	w.Helper()
	mortal, ok := w.store.Store.(Mortal)
	if !ok {
		w.leave(node)
		return
	}
	mortal.Die(node)
	w.model.Store.(Mortal).Die(w.nodes[node])
	got := make(map[int64]bool)
	for _, id := range w.store.recovered() {
		got[w.queues[id]] = true
	}
	want := w.model.recovered()
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got)), cmpopts.EquateEmpty()); diff != "" {
		w.Fatalf("step %d: queues that got work back (-model +store):\n%s", w.step, diff)
	}
}

func (w *twins) leave(node int64) {
	w.Helper()
	w.store.leave(node)
	w.model.leave(w.nodes[node])
}
