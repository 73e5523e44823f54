package stompgw

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// openTopics makes topics on a bus in memory.
func openTopics(tb testing.TB) *topics {
	tb.Helper()
	b, err := bus.Open(context.Background(), &bustest.Memory{}, nil, bus.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	t := newTopics(b, "http://localhost:8080")
	tb.Cleanup(func() {
		t.close()
		b.Close()
	})
	return t
}

// committed makes entries as a store leaves them, with bodies of 200 bytes.
func committed(tb testing.TB, feed string, n int) []*bus.Entry {
	tb.Helper()
	body := make([]byte, 200)
	for i := range body {
		body[i] = 'a' + byte(i%26)
	}
	entries := make([]*bus.Entry, n)
	for i := range entries {
		e, err := feeds.ComposeMessage("", &feeds.Message{Type: "text/plain", Body: body, Header: []feeds.Field{{Name: "kind", Value: "bench"}}})
		if err != nil {
			tb.Fatal(err)
		}
		entries[i] = &bus.Entry{Member: feeds.Member{
			ID: int64(i + 1), Feed: feed, UUID: "01926f8e-5f3a-7cc4-a1b2-0123456789ab", Title: e.Title, XML: e.XML, Edited: time.Now(),
		}}
	}
	return entries
}

// anew returns the entries as if they had come later, without what was rendered of them.
func anew(entries []*bus.Entry, id int64) []*bus.Entry {
	out := make([]*bus.Entry, len(entries))
	for i, e := range entries {
		out[i] = &bus.Entry{Member: e.Member}
		out[i].ID = id + int64(i)
	}
	return out
}

// BenchmarkFanOut pushes entries to a number of connections, each with one subscription, and
// renders the frames, without sockets: what it tells is the time of one delivery.
func BenchmarkFanOut(b *testing.B) {
	for _, connections := range []int{1, 10, 100, 1000} {
		b.Run(strconv.Itoa(connections), func(b *testing.B) {
			t := openTopics(b)
			followers := make([]*follower, connections)
			for i := range followers {
				f := &follower{}
				f.attach(t, stomp.V12, func() {})
				f.subscribe(topicSubscription{id: []byte("7"), feed: []byte("bench"), after: fromNow})
				defer f.close()
				followers[i] = f
			}
			batch := committed(b, "bench", announced)
			p := parcel{buf: make([]byte, 0, 80<<10)}
			id := int64(1)
			ctx := context.Background()
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += connections * len(batch) {
				t.Committed(anew(batch, id))
				id += int64(len(batch))
				for _, f := range followers {
					for more := true; more; {
						p.buf, p.tails, p.long = p.buf[:0], p.tails[:0], 0
						more, _ = f.next(ctx, &p, 64<<10)
					}
				}
			}
		})
	}
}

// BenchmarkSubscribe subscribes ten connections to topics of their own, and tells what a
// subscription takes in memory.
func BenchmarkSubscribe(b *testing.B) {
	t := openTopics(b)
	followers := make([]follower, 10)
	for i := range followers {
		followers[i].attach(t, stomp.V12, func() {})
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	b.ResetTimer()
	var id, feed [64]byte
	for i := range b.N {
		q := topicSubscription{
			id:    strconv.AppendInt(id[:0], int64(i), 10),
			feed:  strconv.AppendInt(append(feed[:0], "bench."...), int64(i), 10),
			after: fromNow,
		}
		followers[i%10].subscribe(q)
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "B/subscription")
	began := time.Now()
	for i := range followers {
		followers[i].close()
	}
	b.ReportMetric(float64(time.Since(began).Nanoseconds())/float64(b.N), "ns/close")
}

func BenchmarkUnsubscribe(b *testing.B) {
	t := openTopics(b)
	var f follower
	f.attach(t, stomp.V12, func() {})
	defer f.close()
	ids := make([][]byte, b.N)
	for i := range ids {
		ids[i] = fmt.Appendf(nil, "%d", i)
		f.subscribe(topicSubscription{id: ids[i], feed: []byte("one"), after: fromNow})
	}
	b.ResetTimer()
	for _, id := range ids {
		f.unsubscribe(id)
	}
}

func BenchmarkRenderTail(b *testing.B) {
	batch := committed(b, "bench", 1)
	b.ReportAllocs()
	for range b.N {
		messageTail(&batch[0].Member, stomp.V12)
	}
}
