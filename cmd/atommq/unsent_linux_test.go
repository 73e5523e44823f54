package main

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

func TestWhatIsNotReadTakesLittleOfTheKernelsMemory(t *testing.T) {
	door, err := openDoor(t.Context(), "http", "http", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	client, err := net.Dial("tcp", door.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	conn, err := thrifty{door}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Write(make([]byte, 64<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	t.Logf("%d bytes taken", n)
	if n > 4*mostUnsent {
		t.Errorf("%d bytes are taken for a client that reads nothing", n)
	}
}
