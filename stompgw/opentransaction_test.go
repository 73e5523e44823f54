package stompgw

import (
	"strings"
	"testing"

	"atommq/stompgw/stomp"
)

// begin begins a transaction with a text.
func (s *session) begin(text string) {
	s.t.Helper()
	s.send("BEGIN\ntransaction:t\n\n\x00SEND\ndestination:/queue/x\ntransaction:t\nreceipt:1\n\n" + text + "\x00")
}

func TestATransactionCountsWhatItHolds(t *testing.T) {
	s := open(t, func(s *Server) { s.TransactionBytes = 100_000 })
	s.begin(strings.Repeat("&", 30_000))
	if f := s.next(stomp.ERROR); !strings.Contains(string(f.Body), "open transactions pass the limit of 100000 bytes") {
		t.Errorf("got %s", f.Body)
	}
}

func TestTheOpenTransactionsOfAllConnectionsAreBounded(t *testing.T) {
	var s *session
	t.Cleanup(func() { // once the session has ended
		if n := s.server.opened.Load(); n != 0 {
			t.Errorf("%d bytes are held for nobody", n)
		}
	})
	s = open(t, func(s *Server) { s.OpenBytes = 100_000 })
	text := strings.Repeat("x", 60_000)
	s.begin(text)
	s.next(stomp.RECEIPT)
	other := s.another()
	other.begin(text)
	if f := other.next(stomp.ERROR); !strings.Contains(string(f.Body), "open transactions of all connections") {
		t.Errorf("got %s", f.Body)
	}
	s.send("ABORT\ntransaction:t\nreceipt:2\n\n\x00")
	s.next(stomp.RECEIPT)
	other = s.another()
	other.begin(text)
	other.next(stomp.RECEIPT)
	other.send("COMMIT\ntransaction:t\nreceipt:2\n\n\x00")
	other.next(stomp.RECEIPT)
	s.begin(text)
	s.next(stomp.RECEIPT)
}
