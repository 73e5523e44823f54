package stompgw_test

import (
	"bufio"
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"atommq/stompgw/stomp"
)

var body200 = strings.Repeat("x", 200)

// One producer that waits for each receipt.
func BenchmarkSendOneByOne(b *testing.B) {
	c := start(b).connect(b, "1.2")
	frame := "SEND\ndestination:/queue/x\nreceipt:1\n\n" + body200 + "\x00"
	for b.Loop() {
		c.send(frame)
		c.next()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "receipts/s")
}

// One producer with a thousand receipts under way.
func BenchmarkSendPipelined(b *testing.B) {
	c := start(b).connect(b, "1.2")
	const window = 1000
	frames := strings.Repeat("SEND\ndestination:/queue/x\nreceipt:1\n\n"+body200+"\x00", window/2)
	b.ReportAllocs()
	n := 0
	c.send(frames)
	for b.Loop() {
		c.send(frames)
		for range window / 2 {
			c.next()
		}
		n += window / 2
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "receipts/s")
}

// Sending, delivering and acknowledging, on one connection each.
func BenchmarkSendDeliverAck(b *testing.B) {
	g := start(b)
	producer, consumer := g.connect(b, "1.2"), g.connect(b, "1.2")
	consumer.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "ack:client", "prefetch:1000", "receipt:1")
	consumer.next()
	const some = 500
	frames := strings.Repeat("SEND\ndestination:/queue/x\n\n"+body200+"\x00", some)
	producer.send(frames)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		producer.send(frames)
		for i := range some {
			f := consumer.next()
			if f.Command != stomp.MESSAGE {
				b.Fatal(show(f))
			}
			if i%50 == 49 {
				consumer.sendFrame("ACK", "id:"+header(f, "ack"))
			}
		}
		n += some
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}

// What waits, drained with ack:client-individual.
func BenchmarkDrain(b *testing.B) {
	g := start(b)
	c := g.connect(b, "1.2")
	const waiting = 100_000
	w := bufio.NewWriterSize(c.nc, 1<<20)
	go func() {
		for range waiting {
			fmt.Fprintf(w, "SEND\ndestination:/queue/x\n\n%s\x00", body200)
		}
		fmt.Fprint(w, "SEND\ndestination:/queue/x\nreceipt:1\n\n\x00")
		w.Flush()
	}()
	c.next()
	for b.Loop() { // once is enough: the figure is its own
	}
	{
		begun := time.Now()
		d := g.connect(b, "1.2")
		d.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "ack:client-individual", "prefetch:1000")
		var acks bytes.Buffer
		for i := range waiting {
			f := d.next()
			fmt.Fprintf(&acks, "ACK\nid:%s\n\n\x00", header(f, "ack"))
			if i%100 == 99 {
				d.send(acks.String())
				acks.Reset()
			}
		}
		b.ReportMetric(waiting/time.Since(begun).Seconds(), "messages/s")
	}
}

// Connections that do nothing.
func BenchmarkIdleConnections(b *testing.B) {
	g := start(b)
	const n = 1000
	before := inUse()
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = g.connect(b, "1.2")
	}
	for b.Loop() {
	}
	b.ReportMetric(float64(inUse()-before)/n, "B/connection-and-client")
	runtime.KeepAlive(clients)
}

// Subscriptions to as many queues on one connection.
func BenchmarkQueueSubscriptions(b *testing.B) {
	g := start(b)
	c := g.connect(b, "1.2")
	const n = 20_000
	c.sendFrame("SUBSCRIBE", "id:first", "destination:/queue/first", "receipt:1")
	c.next()
	for _, what := range []string{"one queue", "each its own"} {
		b.Run(what, func(b *testing.B) {
			before := inUse()
			w := bufio.NewWriterSize(c.nc, 1<<20)
			go func() {
				for i := range n {
					queue := "x"
					if what != "one queue" {
						queue = fmt.Sprintf("q%d", i)
					}
					fmt.Fprintf(w, "SUBSCRIBE\nid:%s%d\ndestination:/queue/%s\n\n\x00", what, i, queue)
				}
				fmt.Fprint(w, "SEND\ndestination:/control/count-subscribers/queue/x\nreceipt:1\n\n\x00")
				w.Flush()
			}()
			if err := c.nc.SetReadDeadline(time.Time{}); err != nil {
				b.Fatal(err)
			}
			if _, err := c.frames.Next(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
			}
			b.ReportMetric(float64(inUse()-before)/n, "B/subscription")
		})
	}
}

// inUse is the memory of heap and stacks.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
