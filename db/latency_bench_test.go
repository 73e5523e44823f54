package db_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"atommq/bus"
	"atommq/db/dbtest"
	"atommq/feeds"
)

// BenchmarkAcrossNodes publishes 1,000 entries of 200 bytes a second on one node, and reports how
// long each takes from there to a follower on another one, its commit included. Run it with
// -benchtime 10000x, which is 10 seconds.
func BenchmarkAcrossNodes(b *testing.B) {
	url := dbtest.Start(b).Database(b)
	one, other := busOn(b, url), busOn(b, url)
	sent := make([]time.Time, b.N)
	took := make([]time.Duration, 0, b.N)
	done := make(chan error, 1)
	s := other.Follow(bus.Only("x"), 0)
	defer s.Close()
	go func() {
		for len(took) < b.N {
			page, err := s.Next(context.Background(), 1000)
			if err != nil {
				done <- err
				return
			}
			now := time.Now()
			for _, e := range page {
				i, _ := strconv.Atoi(e.Title)
				took = append(took, now.Sub(sent[i]))
			}
		}
		done <- nil
	}()
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	b.ResetTimer()
	for i := range b.N {
		<-pace.C
		e := &feeds.Entry{Title: strconv.Itoa(i), XML: append([]byte("<entry>"), append(make200(), "</entry>"...)...)}
		sent[i] = time.Now()
		if err := one.Submit(b.Context(), &bus.Transaction{Posts: []bus.Post{{Feed: "x", Entry: e}}}); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
