package stompgw

import (
	"strings"
	"testing"

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
