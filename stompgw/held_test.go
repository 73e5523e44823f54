package stompgw

import (
	"runtime"
	"strings"
	"testing"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

func TestWhatAClientHoldsIsInTheStoreAlone(t *testing.T) {
	s := open(t)
	s.send("SUBSCRIBE\nid:1\ndestination:/queue/x\nack:client-individual\n\n\x00")
	const n = 3
	for range n {
		s.send("SEND\ndestination:/queue/x\n\n" + strings.Repeat("x", 100_000) + "\x00")
		s.next(stomp.MESSAGE)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.held) != n {
		t.Fatalf("%d are held", len(s.held))
	}
	for _, h := range s.held {
		if h.Entry != nil {
			t.Errorf("%d bytes of message %d are in memory", len(h.Entry.XML), h.ID)
		}
	}
}

func TestQueuesThatShareALongMessageHoldItOnce(t *testing.T) {
	s := open(t)
	for _, group := range []string{"a", "b", "c"} {
		s.send("SEND\ndestination:/queue/x\ngroup:" + group + "\nreceipt:1\n\n\x00") // begins it
		s.next(stomp.RECEIPT)
	}
	s.send("SEND\ndestination:/queue/x\ngroup:a\nreceipt:1\n\n" + strings.Repeat("x", 1<<20) + "\x00")
	s.next(stomp.RECEIPT)
	tails := map[*byte]int{}
	for _, group := range []string{"a", "b", "c"} {
		p := s.consumed(group)
		for _, tail := range p.tails {
			tails[&tail.bytes[0]]++
			defer runtime.KeepAlive(tail)
		}
	}
	if len(tails) != 1 {
		t.Errorf("it is in memory %d times", len(tails))
	}
}

// consumed returns what is written for a consumer of x, before it is.
func (s *session) consumed(group string) *parcel {
	s.t.Helper()
	c := newConn(s.server, nil, func() {})
	q := newQueueSubscription(c, &subscription{id: group, mode: ackAuto})
	ready := make(chan struct{}, 1)
	consumer, err := s.server.Bus.Consume(s.t.Context(), bus.ConsumerConfig{
		Feed: "x", Queue: group, Prefetch: 10, Ready: func() { ready <- struct{}{} },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(consumer.Close)
	q.consumer = consumer
	w := writer{conn: c, average: 1}
	for len(w.tails) == 0 {
		<-ready
		if err := w.deliverTaken(s.t.Context(), q); err != nil {
			s.t.Fatal(err)
		}
	}
	return &w.parcel
}

// Of what a client lost to ack timeouts, as many as its prefetch are remembered: it may acknowledge
// them together with what it holds.
func TestWhatAClientLostIsRememberedInBoundedMemory(t *testing.T) {
	s := open(t)
	s.send("SUBSCRIBE\nid:1\ndestination:/queue/x\nack:client\nprefetch:2\n\n\x00")
	s.send("SEND\ndestination:/queue/x\nack-timeout:0.01\n\n\x00")
	for range bus.DefaultAttempts {
		s.next(stomp.MESSAGE)
		s.mu.Lock()
		if n := len(s.held); n > 3 {
			t.Errorf("%d messages are remembered", n)
		}
		s.mu.Unlock()
	}
}
