package stompgw

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// hijackable hands over a connection whose handshake is done.
type hijackable struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// besideWebSocket runs a session on the server's end of a WebSocket and, in a bubble where time is
// its own, client on the other end, without the handshake.
func besideWebSocket(t *testing.T, session, client func(net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		r := httptest.NewRequest(http.MethodGet, "/stomp", nil)
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} {
			r.Header.Set(name, value)
		}
		h := newWebSocketHandler(session, http.NewCrossOriginProtection())
		go h.ServeHTTP(hijackable{httptest.NewRecorder(), far}, r)
		client(near)
	})
}

// What a client sends, of one byte and masked with nothing, and what answers it.
const (
	ping1   = "\x89\x81\x00\x00\x00\x001"
	ping2   = "\x89\x81\x00\x00\x00\x002"
	pong1   = "\x8a\x011"
	pong2   = "\x8a\x012"
	goodbye = "\x88\x82\x00\x00\x00\x00\x03\xe8"
	closed  = "\x88\x02\x03\xe8"
)

// writeInTime writes a frame as a session does.
func writeInTime(t *testing.T, c net.Conn, frame string) {
	t.Helper()
	if err := c.SetWriteDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(c, frame); err != nil {
		t.Error(err)
	}
}

func TestWebSocketAnswersWhatComesLongAfterTheLastWrite(t *testing.T) {
	for _, tt := range []struct{ sent, want string }{{ping1, pong1}, {goodbye, closed}} {
		session := func(c net.Conn) {
			defer c.Close()
			writeInTime(t, c, "\n")
			_, _ = c.Read(make([]byte, 1))
		}
		besideWebSocket(t, session, func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, len("\x81\x01\n")))
			<-time.After(time.Hour)
			got := make([]byte, len(tt.want))
			if _, err := io.WriteString(c, tt.sent); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(c, got); err != nil || string(got) != tt.want {
				t.Errorf("%q is answered with %q, %v; want %q", tt.sent, got, err, tt.want)
			}
		})
	}
}

// Of several pings, the last one has to be answered (RFC 6455 §5.5.3).
func TestWebSocketAnswersPingsBehindAMessageThatIsTakenSlowly(t *testing.T) {
	message := "MESSAGE\n\n" + strings.Repeat("x", 3*pieceToWrite) + "\x00\n"
	session := func(c net.Conn) {
		defer c.Close()
		writeInTime(t, c, message)
		_, _ = c.Read(make([]byte, 1))
	}
	besideWebSocket(t, session, func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, 1))
		for _, ping := range []string{ping1, ping2} {
			if _, err := io.WriteString(c, ping); err != nil {
				t.Error(err)
			}
		}
		<-time.After(20 * time.Second)
		var got []byte
		piece := make([]byte, pieceBytes)
		for !bytes.HasSuffix(got, []byte(pong2)) {
			n, err := c.Read(piece)
			if got = append(got, piece[:n]...); err != nil {
				t.Fatalf("after %d bytes of %d: %v", len(got), len(message), err)
			}
		}
		if bytes.Contains(got, []byte(pong1)) || len(got) < len(message) {
			t.Errorf("the pong of the last ping comes behind %d bytes of %d", len(got), len(message))
		}
	})
}
