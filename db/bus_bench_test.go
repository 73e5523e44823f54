package db_test

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"atommq/bus"
	"atommq/db"
	"atommq/db/dbtest"
	"atommq/feeds"
)

func busOn(b *testing.B, dsn string) *bus.Bus {
	b.Helper()
	store, err := db.Open(b.Context(), dsn, db.Config{})
	if err != nil {
		b.Fatal(err)
	}
	node, err := bus.Open(b.Context(), store, store, bus.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { node.Close(); store.Close() })
	return node
}

// BenchmarkBusQueue takes messages of 200 bytes through a queue: published, handed out and acked,
// with a producer and a consumer that keep thousands under way.
func BenchmarkBusQueue(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchmarkQueue(b, busOn(b, filepath.Join(b.TempDir(), "bench.db"))) })
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkQueue(b, busOn(b, dbtest.Start(b).Database(b))) })
}

func benchmarkQueue(b *testing.B, node *bus.Bus) {
	ctx := context.Background()
	entry, err := feeds.ComposeMessage("", &feeds.Message{Type: "text/plain", Body: make200()})
	if err != nil {
		b.Fatal(err)
	}
	const window = 8192
	slots := make(chan struct{}, window)
	done := make(chan struct{})
	var acked atomic.Int64
	ready := make(chan struct{}, 1)
	c, err := node.Consume(ctx, bus.ConsumerConfig{Feed: "x", Queue: bus.DefaultQueue, Prefetch: 4000, Ready: func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for {
			select {
			case <-ready:
			case <-done:
				return
			}
			for {
				ds := c.Take(nil, 500)
				if len(ds) == 0 {
					break
				}
				if err := node.Load(ctx, ds); err != nil {
					panic(err)
				}
				t := &bus.Transaction{Acks: ds, Done: func(t *bus.Transaction) {
					for range ds {
						<-slots
					}
					if acked.Add(int64(len(ds))) == int64(b.N) {
						close(done)
					}
				}}
				if err := node.Submit(ctx, t); err != nil {
					panic(err)
				}
			}
		}
	}()
	for n := 0; n < b.N; {
		var ts []*bus.Transaction
		for k := 0; k < 100 && n < b.N; k++ {
			slots <- struct{}{}
			ts = append(ts, &bus.Transaction{Posts: []bus.Post{{Feed: "x", Entry: entry, Queue: bus.DefaultQueue}}})
			n++
		}
		if err := node.Submit(ctx, ts...); err != nil {
			b.Fatal(err)
		}
	}
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func make200() []byte {
	body := make([]byte, 200)
	for i := range body {
		body[i] = 'a' + byte(i%26)
	}
	return body
}

// BenchmarkBusPublish has 64 callers publish entries of 200 bytes, each waiting for its own: what
// many publishers share of a commit and its sync of the disk.
func BenchmarkBusPublish(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchmarkPublish(b, busOn(b, filepath.Join(b.TempDir(), "bench.db"))) })
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkPublish(b, busOn(b, dbtest.Start(b).Database(b))) })
}

func benchmarkPublish(b *testing.B, node *bus.Bus) {
	entry, err := feeds.ComposeMessage("", &feeds.Message{Type: "text/plain", Body: make200()})
	if err != nil {
		b.Fatal(err)
	}
	const callers = 64
	var left atomic.Int64
	left.Store(int64(b.N))
	var running sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range callers {
		running.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := node.Publish(context.Background(), bus.Post{Feed: "x", Entry: entry}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
