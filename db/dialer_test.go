package db

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A server of PostgreSQL that is to stop waits for connections that never said who they are.
func TestAServerThatHasNoTLSIsLeftNoConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	left := make(chan error, 1)
	go func() {
		first, err := listener.Accept()
		if err != nil {
			left <- err
			return
		}
		defer first.Close()
		if _, err := io.ReadFull(first, make([]byte, 8)); err == nil { // SSLRequest
			_, _ = first.Write([]byte("N"))
		}
		second, err := listener.Accept() // without TLS: kept, as the session is
		if err != nil {
			left <- err
			return
		}
		_ = first.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err = first.Read(make([]byte, 1))
		left <- err
		_ = second.Close()
	}()
	server, err := parseServer("postgres://x@" + listener.Addr().String() + "/x")
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := server.connector("").Connect(t.Context()); err == nil {
		_ = conn.Close()
	}
	if err := <-left; !errors.Is(err, io.EOF) {
		t.Errorf("the connection that was refused TLS is left open: %v", err)
	}
}
