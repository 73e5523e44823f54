package bus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
)

// BenchmarkPublish measures what the bus adds to a store: the one in memory
// costs next to nothing.
func BenchmarkPublish(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint(callers, " callers"), func(b *testing.B) {
			q := open(b, &bustest.Memory{}, nil, bus.Config{})
			p := post("x", strings.Repeat("x", 100))
			b.SetParallelism(max(1, callers/2))
			b.ReportAllocs()
			b.ResetTimer()
			if callers == 1 {
				for b.Loop() {
					publish(b, q, p)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					publish(b, q, p)
				}
			})
		})
	}
}

// BenchmarkReadTail measures an idle poll and a page at the end of a feed.
func BenchmarkReadTail(b *testing.B) {
	q := open(b, &bustest.Memory{}, nil, bus.Config{})
	for range 500 {
		publish(b, q, post("x", strings.Repeat("x", 1000)))
	}
	for name, after := range map[string]int64{"idle poll": 500, "page of 100": 400} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := q.Read(context.Background(), bus.Query{Feed: "x", After: after, Limit: 100}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
