package db

import (
	"fmt"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
)

var queueBatches = []int{64, 1000, 2048}

// through makes n ops of one entry each, sent through the queue default.
func through(t testing.TB, feed string, n int) []*bus.Op {
	t.Helper()
	ops := publishing(t, feed, n)
	for _, op := range ops {
		op.Posts[0].Queue, op.Posts[0].Rank = bus.DefaultQueue, usualRank
	}
	return ops
}

func claiming(node, queue int64, count int) *bus.Op {
	return &bus.Op{Kind: bus.OpClaim, At: time.Now(), Order: bus.Order{Node: node, Queue: queue, Count: count}}
}

// acking makes an op for each of claims, as consumers that ack one by one do.
func acking(claims []bus.Claim) []*bus.Op {
	ops := make([]*bus.Op, len(claims))
	for i, c := range claims {
		ops[i] = &bus.Op{Kind: bus.OpPublish, At: time.Now(), Settle: []bus.Settlement{{Claim: c, Verdict: bus.Acked}}}
	}
	return ops
}

// worker opens a store with a node and one empty queue.
func worker(t testing.TB) (s *Store, node, queue int64) {
	t.Helper()
	s = openNew(t)
	node, err := s.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q, err := s.ConfigureQueue(t.Context(), "work", bus.DefaultQueue, bus.QueueSettings{})
	if err != nil {
		t.Fatal(err)
	}
	return s, node, q.ID
}

// BenchmarkQueueCycle publishes, claims and acks, each in a commit of its own, in a feed that keeps
// entries until acked.
func BenchmarkQueueCycle(b *testing.B) {
	for _, batch := range queueBatches {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s, node, queue := worker(b)
			for b.Loop() {
				b.StopTimer()
				ops := through(b, "work", batch)
				b.StartTimer()
				mustPass(b, s, ops...)
				order := claiming(node, queue, batch)
				mustPass(b, s, order)
				mustPass(b, s, acking(order.Order.Claims)...)
			}
			reportMessages(b, batch)
		})
	}
}

// BenchmarkQueueFlow does the same as a busy bus does: each commit takes the acks of what the one
// before handed out, new entries, and an order.
func BenchmarkQueueFlow(b *testing.B) {
	for _, batch := range queueBatches {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s, node, queue := worker(b)
			var claims []bus.Claim
			for b.Loop() {
				b.StopTimer()
				ops := append(acking(claims), through(b, "work", batch)...)
				order := claiming(node, queue, batch)
				ops = append(ops, order)
				b.StartTimer()
				mustPass(b, s, ops...)
				claims = order.Order.Claims
			}
			reportMessages(b, batch)
		})
	}
}

// BenchmarkQueueRaw is the yardstick: what BenchmarkQueueFlow comes to for SQLite, in as few
// statements as can be, without looking at what they find.
func BenchmarkQueueRaw(b *testing.B) {
	for _, batch := range queueBatches {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s, _, _ := worker(b)
			c := &s.commit
			next := int64(1)
			for b.Loop() {
				b.StopTimer()
				c.rows, c.written, c.works = c.rows[:0], 0, c.works[:0]
				for _, op := range through(b, "work", batch) {
					c.rows = append(c.rows, row{entry: op.Posts[0].Entry, id: next, at: op.At.UnixMicro()})
					c.works = append(c.works, work{queue: 1, rank: usualRank, id: next, bytes: 200})
					next++
				}
				b.StartTimer()
				if err := s.writer.write(b.Context(), func() error { return rawFlow(c, next-int64(batch), next-1) }); err != nil {
					b.Fatal(err)
				}
			}
			reportMessages(b, batch)
		})
	}
}

func rawFlow(c *commit, lo, hi int64) error {
	w := c.writer
	if err := w.exec("DELETE FROM atommq_claim WHERE node = 1 AND queue = 1 AND rank = 5 AND id < ?", lo); err != nil {
		return err
	}
	if err := w.exec("DELETE FROM atommq_entry WHERE id < ?", lo); err != nil {
		return err
	}
	if err := c.insert(); err != nil {
		return err
	}
	if err := c.insertWork(); err != nil {
		return err
	}
	if err := w.exec("INSERT INTO atommq_claim SELECT 1, *, 0 FROM atommq_ready WHERE queue = 1 AND rank = 5 AND id <= ?", hi); err != nil {
		return err
	}
	return w.exec("DELETE FROM atommq_ready WHERE queue = 1 AND rank = 5 AND id <= ?", hi)
}

// BenchmarkQueueDrain takes what waits in claims of 100, with the acks of those before.
func BenchmarkQueueDrain(b *testing.B) {
	const waiting, prefetch = 100_000, 100
	for b.Loop() {
		b.StopTimer()
		s, node, queue := worker(b)
		for range waiting / 1000 {
			mustPass(b, s, through(b, "work", 1000)...)
		}
		b.StartTimer()
		var claims []bus.Claim
		for more := true; more; more = len(claims) > 0 {
			order := claiming(node, queue, prefetch)
			mustPass(b, s, append(acking(claims), order)...)
			claims = order.Order.Claims
		}
	}
	reportMessages(b, waiting)
}

func mustPass(b *testing.B, s *Store, ops ...*bus.Op) {
	if err := s.Commit(b.Context(), bustest.Piece(ops...)); err != nil {
		b.Fatal(err)
	}
}

func reportMessages(b *testing.B, batch int) {
	messages := float64(b.N * batch)
	b.ReportMetric(messages/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/messages, "ns/message")
}

// BenchmarkFetch reads what was claimed: entries that follow each other, and every third of a busy log.
func BenchmarkFetch(b *testing.B) {
	const count = 100
	s := openNew(b)
	mustCommit(b, s, publishing(b, "work", 3*count)...)
	for _, step := range []int64{1, 3} {
		b.Run(fmt.Sprintf("step=%d", step), func(b *testing.B) {
			ids := make([]int64, count)
			for i := range ids {
				ids[i] = 1 + int64(i)*step
			}
			for b.Loop() {
				if page, err := s.Fetch(b.Context(), ids); err != nil || len(page) != count {
					b.Fatal(len(page), err)
				}
			}
			reportMessages(b, count)
		})
	}
}
