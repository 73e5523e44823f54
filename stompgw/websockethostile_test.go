package stompgw

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func TestWebSocketSurvivesHostileFrames(t *testing.T) {
	url := serveWebSocket(t, echo)
	mask := "\x00\x00\x00\x00"
	for name, frames := range map[string]string{
		"no mask":                      "\x81\x01x",
		"reserved bits":                "\xf1\x81" + mask + "x",
		"unknown opcode":               "\x83\x81" + mask + "x",
		"continuation of nothing":      "\x80\x81" + mask + "x",
		"message inside a message":     "\x01\x81" + mask + "x" + "\x81\x81" + mask + "x",
		"long ping":                    "\x89\xfe\x00\x7e" + mask + strings.Repeat("x", 126),
		"ping in parts":                "\x09\x80" + mask,
		"length of 2^63":               "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00" + mask + "x",
		"length of 2^63-1, and no end": "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + mask + "x",
		"close with half a status":     "\x88\x81" + mask + "\x03",
		"close with no such status":    "\x88\x82" + mask + "\x00\x01",
		"half a header":                "\x81",
	} {
		t.Run(name, func(t *testing.T) {
			conn := upgrade(t, url)
			if _, err := io.WriteString(conn, frames); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, conn) // until the server has closed, or reset, the connection
		})
	}
	ws := dialWebSocket(t, url, nil)
	sendMessage(t, ws, websocket.MessageText, "\n")
	if _, message, err := ws.Read(t.Context()); err != nil || string(message) != "\n" {
		t.Errorf("after all that: %q, %v", message, err)
	}
}

// upgrade opens a WebSocket by hand, for frames that no library sends.
func upgrade(t *testing.T, url string) net.Conn {
	t.Helper()
	address := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/stomp")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, "GET /stomp HTTP/1.1\r\nHost: "+address+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 1), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake is answered with %v, %v", resp, err)
	}
	return conn
}
