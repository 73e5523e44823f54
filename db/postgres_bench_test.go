package db

import (
	"fmt"
	"testing"

	"atommq/bus"
	"atommq/db/dbtest"
)

// BenchmarkPostgresCommit publishes entries of 200 bytes in batches, each entry an op, as
// BenchmarkCommit does.
func BenchmarkPostgresCommit(b *testing.B) {
	cluster := dbtest.Start(b)
	for _, batch := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s := openAt(b, cluster.Database(b))
			for b.Loop() {
				b.StopTimer()
				ops := publishing(b, "bench", batch)
				b.StartTimer()
				mustPass(b, s, ops...)
			}
			reportMessages(b, batch)
		})
	}
}

// BenchmarkPostgresFlow does what BenchmarkQueueFlow does.
func BenchmarkPostgresFlow(b *testing.B) {
	cluster := dbtest.Start(b)
	for _, batch := range []int{64, 1000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s := openAt(b, cluster.Database(b))
			node, err := s.Join(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			q, err := s.ConfigureQueue(b.Context(), "work", bus.DefaultQueue, bus.QueueSettings{})
			if err != nil {
				b.Fatal(err)
			}
			var claims []bus.Claim
			for b.Loop() {
				b.StopTimer()
				order := claiming(node, q.ID, batch)
				ops := append(append(acking(claims), through(b, "work", batch)...), order)
				b.StartTimer()
				mustPass(b, s, ops...)
				claims = order.Order.Claims
			}
			reportMessages(b, batch)
		})
	}
}
