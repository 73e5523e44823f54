package stompgw

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

func TestALongMessageIsInMemoryOnceForAllWhoAreSentIt(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		var clients []*client
		for range 5 {
			c := n.client(stomp.V12)
			c.follow("1", "/topic/a")
			clients = append(clients, c)
		}
		n.send("a", strings.Repeat("x", 1<<20))
		n.send("a", "short")
		var first *byte
		for i, c := range clients {
			var p parcel
			if _, err := c.next(context.Background(), &p, 4<<20); err != nil {
				t.Fatal(err)
			}
			if len(p.buf) > 1<<10 || len(p.tails) != 1 {
				t.Fatalf("%d bytes and %d tails", len(p.buf), len(p.tails))
			}
			if first == nil {
				first = &p.tails[0].bytes[0]
			}
			if &p.tails[0].bytes[0] != first {
				t.Errorf("connection %d has a copy of its own", i)
			}
			if list := parseMessages(t, stomp.V12, p.joined()); len(list) != 2 || len(list[0].body) != 1<<20 || list[1].body != "short" {
				t.Errorf("%d messages: %s", len(list), bodies(list))
			}
		}
	})
}

func TestConnectionsThatLagShareWhatIsRenderedForThem(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		for range 100 {
			n.send("a", strings.Repeat("x", 20_000))
		}
		tails := map[*byte]int{}
		for range 3 {
			c := n.client(stomp.V12)
			c.follow("1", "/topic/a", from(0))
			var p parcel
			if _, err := c.next(context.Background(), &p, 100_000); err != nil || len(p.tails) != 5 {
				t.Fatalf("%d tails, %v", len(p.tails), err)
			}
			for _, tail := range p.tails {
				tails[&tail.bytes[0]]++
			}
		}
		if len(tails) != 5 {
			t.Errorf("3 connections made %d renderings of 5 messages", len(tails))
		}
	})
}

// The last page of the log is read for each alone.
func TestALongMessageIsInMemoryOnceForAllWhoReplayIt(t *testing.T) {
	n := node(t, sqlite(t, filepath.Join(t.TempDir(), "test.db")), nil, func(c *bus.Config) { c.CacheBytes = 1 << 10 })
	n.send("a", strings.Repeat("x", 1<<20))
	tails := map[*byte]int{}
	for range 3 {
		c := n.client(stomp.V12)
		c.follow("1", "/topic/a", from(0))
		var p parcel
		if _, err := c.next(context.Background(), &p, 4<<20); err != nil || len(p.tails) != 1 {
			t.Fatalf("%d tails, %v", len(p.tails), err)
		}
		tails[&p.tails[0].bytes[0]]++
		runtime.GC() // what is on its way stays known
		defer runtime.KeepAlive(&p)
	}
	if len(tails) != 1 {
		t.Errorf("it is in memory %d times", len(tails))
	}
}

// What the parcel has of a message is not copied for the socket.
func TestWebSocketSendsALongMessageAsItIs(t *testing.T) {
	const head = "MESSAGE\ndestination:/topic/\u00df\n"
	for _, test := range []struct {
		body string
		kind websocket.MessageType
	}{{"\u00df", websocket.MessageText}, {"\xff", websocket.MessageBinary}} {
		tail := []byte("message-id:1\n\n" + strings.Repeat(test.body, pieceToWrite) + "\x00\n")
		url := serveWebSocket(t, func(nc net.Conn) {
			defer nc.Close()
			c := newConn(&Server{WriteTimeout: patience}, nc, func() {})
			w := writer{conn: c}
			w.buf = append(w.buf, "\n"+head...)
			w.addTail(tail, nil)
			w.buf = append(w.buf, "\n"...)
			if err := w.flush(); err != nil {
				t.Error(err)
			}
			_, _ = io.Copy(io.Discard, nc)
		})
		ws := dialWebSocket(t, url, nil)
		for _, want := range []string{"\n", head + string(tail), "\n"} {
			kind, got, err := ws.Read(t.Context())
			if err != nil || string(got) != want {
				t.Fatalf("got %d bytes, %v, not %d", len(got), err, len(want))
			}
			if len(got) > 1 && kind != test.kind {
				t.Errorf("it is sent as %v", kind)
			}
		}
		_ = ws.CloseNow()
	}
}
