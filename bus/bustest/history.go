package bustest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// history makes up what publishers, consumers and owners do, in the numbers of the store under test.
type history struct {
	*twins
	r      *rand.Rand
	feeds  []string
	queues []*bus.Queue   // those there are
	alive  []int64        // nodes
	known  []feeds.Member // published ones
	claims []bus.Claim    // handed out, and not yet settled for certain
	count  int
}

// pick returns one of the last few of list.
func pick[T any](r *rand.Rand, list []T, few int) T {
	return list[len(list)-1-r.IntN(min(few, len(list)))]
}

func (h *history) join() { h.alive = append(h.alive, h.twins.join()) }

func (h *history) batch() []*bus.Op {
	h.queues = h.list()
	var ops []*bus.Op
	for range 1 + h.r.IntN(8) {
		ops = append(ops, h.op())
	}
	return ops
}

func (h *history) op() *bus.Op {
	switch n := h.r.IntN(100); {
	case n < 1:
		return dropping(pick(h.r, h.feeds, len(h.feeds)))
	case n < 15 && len(h.known) > 0:
		return h.edit()
	case n < 18 && len(h.queues) > 0:
		return h.clear()
	case n < 20 && len(h.claims) > 0 && len(h.queues) > 0:
		return h.requeue()
	case n < 40 && len(h.queues) > 0:
		return h.order()
	case n < 60 && len(h.claims) > 0:
		return &bus.Op{Kind: bus.OpPublish, Settle: h.verdicts()}
	}
	return h.publish()
}

// order claims work for a node, or leases it.
func (h *history) order() *bus.Op {
	queue, count := pick(h.r, h.queues, len(h.queues)).ID, 1+h.r.IntN(6)
	if h.r.IntN(3) == 0 {
		return leasing(queue, count, time.Duration(1+h.r.IntN(100))*time.Second)
	}
	return bounded(claiming(pick(h.r, h.alive, len(h.alive)), queue, count), h.r.Int64N(3)*100)
}

// clear purges a queue or, now and then, drops it.
func (h *history) clear() *bus.Op {
	q := pick(h.r, h.queues, len(h.queues))
	op := purging(q.ID, 1+h.r.IntN(5), h.r.Int64N(h.store.head()+2), bus.Place{Rank: uint8(h.r.IntN(3)), ID: h.r.Int64N(3)})
	if h.r.IntN(5) == 0 {
		op.Kind = bus.OpDropQueue
	}
	return op
}

// requeue takes an entry that was handed out for a dead letter of another.
func (h *history) requeue() *bus.Op {
	op := requeuing(pick(h.r, h.claims, 20), entry(pick(h.r, h.feeds, len(h.feeds)), h.title()), h.r.Int64N(h.store.head()+2))
	op.Posts[0].Queue = []string{"q", "r"}[h.r.IntN(2)]
	return op
}

func (h *history) edit() *bus.Op {
	old := &bus.Entry{Member: pick(h.r, h.known, 50)}
	ifID := []int64{0, 0, old.ID, old.ID + 1}[h.r.IntN(4)]
	if h.r.IntN(3) == 0 {
		return removing(old, ifID)
	}
	op := replacing(old, h.title(), ifID)
	op.Posts[0].Draft, op.Posts[0].Rank = h.r.IntN(4) == 0, 5
	return op
}

func (h *history) title() string {
	h.count++
	return fmt.Sprintf("%0*d", 1+h.r.IntN(20), h.count)
}

func (h *history) publish() *bus.Op {
	op := publishing()
	for range 1 + h.r.IntN(3) {
		op.Posts = append(op.Posts, h.posting())
	}
	if h.r.IntN(4) == 0 {
		op.Posts = op.Posts[:1]
		op.Posts[0].Key, op.Posts[0].Digest = fmt.Sprint("key ", h.r.IntN(60)), [32]byte{byte(h.r.IntN(4) / 3)}
	}
	if h.r.IntN(3) == 0 && len(h.claims) > 0 {
		op.Settle = h.verdicts()
	}
	return op
}

func (h *history) posting() bus.Posting {
	p := bus.Posting{Entry: entry(pick(h.r, h.feeds, len(h.feeds)), h.title())}
	p.Queue = []string{"", "", "", "q", "r"}[h.r.IntN(5)]
	p.Draft = h.r.IntN(12) == 0
	p.Rank = []uint8{5, 5, 5, 0, 9, 4}[h.r.IntN(6)]
	if h.r.IntN(4) == 0 {
		p.AckTimeout = time.Duration(h.r.IntN(5000)) * time.Millisecond
	}
	if h.r.IntN(6) == 0 {
		p.Expires = h.store.at.Add(time.Duration(h.r.IntN(12)) * time.Second)
	}
	return p
}

// verdicts settles some claims of one node. Most are not settled again.
func (h *history) verdicts() []bus.Settlement {
	node := pick(h.r, h.claims, 40).Node
	var list []bus.Settlement
	for i := 0; i < len(h.claims) && len(list) < 6; i++ {
		c := h.claims[i]
		if c.Node != node || h.r.IntN(3) == 0 {
			continue
		}
		v := []bus.Verdict{bus.Acked, bus.Acked, bus.Acked, bus.Released, bus.Returned, bus.Leased}[h.r.IntN(6)]
		settled := bus.Settlement{Claim: c, Verdict: v}
		switch {
		case v == bus.Leased:
			settled.Lease = time.Duration(1+h.r.IntN(3)) * time.Minute
			h.claims[i] = leased(c)
		case h.r.IntN(10) > 0:
			h.claims = slices.Delete(h.claims, i, i+1)
			i--
		}
		list = append(list, settled)
	}
	return list
}

// learn remembers what ops made. Claims of nodes that are gone are forgotten, but for a few.
func (h *history) learn(ops []*bus.Op) {
	for _, op := range ops {
		if op.Err != nil {
			continue
		}
		for _, p := range op.Posts {
			h.known = append(h.known, p.Entry.Member)
		}
		h.claims = append(h.claims, op.Order.Claims...)
	}
	h.claims = slices.DeleteFunc(h.claims, func(c bus.Claim) bool {
		return c.Node != bus.LeaseNode && !slices.Contains(h.alive, c.Node) && h.r.IntN(4) > 0
	})
}

// meddle does what is not part of a commit.
func (h *history) meddle() {
	feed := pick(h.r, h.feeds, len(h.feeds))
	switch h.r.IntN(5) {
	case 0, 1:
		h.prune(feed, h.r.Int64N(h.store.head()+1), 1+h.r.IntN(5))
	case 2:
		i := h.r.IntN(len(h.alive))
		if h.r.IntN(2) == 0 {
			h.leave(h.alive[i])
		} else {
			h.bury(h.alive[i])
		}
		h.alive = slices.Delete(h.alive, i, i+1)
		h.join()
	case 3:
		h.configure(feed)
	case 4:
		h.configureQueue(feed)
	}
}

// configure changes a setting of a feed that there is: a new one would have the time of the clock.
func (h *history) configure(feed string) {
	on := h.r.IntN(2) == 0
	h.each(func(s *suite) {
		if _, err := s.Feed(context.Background(), feed); err == nil {
			s.untilAcked(feed, on)
		}
	})
}

func (h *history) configureQueue(feed string) {
	attempts, paused := 1+h.r.IntN(20), h.r.IntN(4) == 0
	name := []string{"q", "r", "s"}[h.r.IntN(3)]
	h.each(func(s *suite) {
		if _, err := s.Feed(context.Background(), feed); err != nil {
			return
		}
		if _, err := s.ConfigureQueue(context.Background(), feed, name, bus.QueueSettings{Attempts: &attempts, Paused: &paused}); err != nil {
			s.Fatalf("ConfigureQueue(%q, %q): %v", feed, name, err)
		}
	})
}
