package db

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"atommq/bus"
	"atommq/feeds"
)

// publishing makes n ops of one 200-byte entry each.
func publishing(t testing.TB, feed string, n int) []*bus.Op {
	t.Helper()
	ops := make([]*bus.Op, n)
	for i := range ops {
		id, err := uuid.NewV7()
		if err != nil {
			t.Fatal(err)
		}
		e := &bus.Entry{Member: feeds.Member{
			Feed: feed, UUID: id.String(), Title: "a title", XML: []byte(strings.Repeat("x", 200)),
			Absent: feeds.PartID | feeds.PartUpdated | feeds.PartPublished,
		}}
		ops[i] = &bus.Op{Kind: bus.OpPublish, Posts: []bus.Posting{{Entry: e}}, At: time.Now()}
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
				if err := s.Commit(b.Context(), ops); err != nil {
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
		if err := s.Commit(b.Context(), ops); err != nil {
			b.Fatal(err)
		}
	}
	reportRows(b, batch)
}

// BenchmarkRaw is the yardstick: the same rows without the rules.
func BenchmarkRaw(b *testing.B) {
	for _, batch := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			took, err := RawInsert(b.Context(), filepath.Join(b.TempDir(), "raw.db"), b.N*batch, batch, 200)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N*batch)/took.Seconds(), "rows/s")
			b.ReportMetric(float64(took.Nanoseconds())/float64(b.N*batch), "ns/row")
		})
	}
}

func reportRows(b *testing.B, batch int) {
	rows := float64(b.N * batch)
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/rows, "ns/row")
}
