package stompgw_test

import (
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

// After all of these the server still serves, and none of them takes more than its connection.
func TestHostileBytes(t *testing.T) {
	g := start(t, func(s *stompgw.Server) {
		s.Limits = stomp.Limits{Headers: 16, HeaderBytes: 4096, BodyBytes: 65536}
		s.ConnectTimeout = time.Second
	})
	const connect = "CONNECT\naccept-version:1.2\n\n\x00"
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for _, c := range []struct{ name, bytes string }{
		{"nothing", ""},
		{"line ends", strings.Repeat("\r\n", 10000)},
		{"NULs", strings.Repeat("\x00", 1000)},
		{"noise", string(noise)},
		{"noise in a session", connect + string(noise)},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"half a frame", connect + "SEND\ndestination:/queue/x\n"},
		{"half a body", connect + "SEND\ndestination:/queue/x\ncontent-length:100\n\nhalf"},
		{"a huge length", connect + "SEND\ndestination:/queue/x\ncontent-length:99999999999999999999\n\nx\x00"},
		{"a negative length", connect + "SEND\ndestination:/queue/x\ncontent-length:-1\n\nx\x00"},
		{"a wrong length", connect + "SEND\ndestination:/queue/x\ncontent-length:1\n\nlonger\x00"},
		{"many headers", connect + "SEND\n" + strings.Repeat("a:b\n", 1000) + "\n\x00"},
		{"a long header", connect + "SEND\na:" + strings.Repeat("b", 1<<20) + "\n\n\x00"},
		{"an endless command", strings.Repeat("A", 1<<20)},
		{"an endless body", connect + "SEND\ndestination:/queue/x\n\n" + strings.Repeat("b", 1<<20)},
		{"an undefined escape", connect + "SEND\ndestination:/queue/x\nbad:\\t\n\n\x00"},
		{"no colon", connect + "SEND\ndestination\n\n\x00"},
		{"bad UTF-8", connect + "SEND\ndestination:/queue/\xff\xfe\n\n\x00"},
		{"a server's frame", connect + "RECEIPT\nreceipt-id:1\n\n\x00"},
		{"CONNECTED", "CONNECTED\nversion:1.2\n\n\x00"},
		{"every control name", connect + "SEND\ndestination:/control/\nreceipt:1\n\n\x00"},
		{"topic of nothing", connect + "SUBSCRIBE\nid:1\ndestination:/topic/\n\n\x00"},
		{"a long prefix", connect + "SUBSCRIBE\nid:1\ndestination:/topic/" + strings.Repeat("x", 3000) + "*\n\n\x00"},
		{"acks of nothing", connect + strings.Repeat("ACK\nid:q-1\n\n\x00", 1)},
		{"an ack beyond all numbers", connect + "ACK\nid:q99999999999999999999999999\n\n\x00"},
		{"a session that says goodbye and goes on", connect + "DISCONNECT\n\n\x00" + strings.Repeat("SEND\ndestination:/queue/x\n\n\x00", 100)},
	} {
		t.Run(c.name, func(t *testing.T) {
			nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.address)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			written := make(chan struct{})
			go func() {
				defer close(written)
				_, _ = io.WriteString(nc, c.bytes) // the server may have had enough
				_ = nc.(*net.TCPConn).CloseWrite()
			}()
			if _, err := io.Copy(io.Discard, nc); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the server did not close: %v", err)
			}
			nc.Close()
			<-written
			still := g.connect(t, "1.2")
			still.sendFrame("SEND", "destination:/queue/alive", "receipt:1")
			still.next()
		})
	}
}
