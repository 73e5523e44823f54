package db

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

// publishing makes n ops of one 200-byte entry each.
func publishing(t testing.TB, feed string, n int) []*bus.Op {
	t.Helper()
	ops, at := make([]*bus.Op, n), time.Now()
	for i := range ops {
		id, err := uuid.NewV7()
		if err != nil {
			t.Fatal(err)
		}
		e := &bus.Entry{Member: feeds.Member{
			Feed: feed, UUID: id.String(), Title: "a title", XML: []byte(strings.Repeat("x", 200)),
			Absent: feeds.PartID | feeds.PartUpdated | feeds.PartPublished,
		}}
		ops[i] = &bus.Op{Kind: bus.OpPublish, Posts: []bus.Posting{{Entry: e}}, At: at}
	}
	return ops
}

func BenchmarkCommit(b *testing.B) {
	for _, batch := range []int{1, 16, 32, 64, 256, 1000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s := openNew(b)
			for b.Loop() {
				b.StopTimer()
				ops := publishing(b, "bench", batch)
				b.StartTimer()
				if err := s.Commit(b.Context(), bustest.Piece(ops...)); err != nil {
					b.Fatal(err)
				}
			}
			reportRows(b, batch)
		})
	}
}

func BenchmarkCommitKeyed(b *testing.B) {
	const batch = 64
	s := openNew(b)
	for b.Loop() {
		b.StopTimer()
		ops := publishing(b, "bench", batch)
		for _, op := range ops {
			op.Posts[0].Key = op.Posts[0].Entry.UUID
		}
		b.StartTimer()
		if err := s.Commit(b.Context(), bustest.Piece(ops...)); err != nil {
			b.Fatal(err)
		}
	}
	reportRows(b, batch)
}

// BenchmarkRaw is the yardstick: the same rows by the same connection and
// statements, without the rules: no counter, no feed, no keys.
func BenchmarkRaw(b *testing.B) {
	for _, batch := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s := openNew(b)
			c := &s.commit
			next := int64(1)
			for b.Loop() {
				b.StopTimer()
				c.rows, c.written = c.rows[:0], 0
				for _, op := range publishing(b, "bench", batch) {
					c.rows = append(c.rows, row{entry: op.Posts[0].Entry, id: next, at: op.At.UnixMicro()})
					next++
				}
				b.StartTimer()
				if err := s.writer.write(b.Context(), c.insert); err != nil {
					b.Fatal(err)
				}
			}
			reportRows(b, batch)
		})
	}
}

func reportRows(b *testing.B, batch int) {
	rows := float64(b.N * batch)
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/rows, "ns/row")
}
