package main

import (
	"io"
	"net"
	"testing"
)

func TestAnUnwatchedConnectionLosesNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := thrifty{listener}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if _, err := io.WriteString(client, "abc"); err != nil {
		t.Fatal(err)
	}
	c := accepted.(*connection)
	for _, step := range []struct {
		unwatch bool
		room    int
		want    string
	}{
		{true, 1, ""}, {false, 1, "a"}, // one read of one byte is left out
		{true, 2, "bc"}, // and no other
	} {
		if step.unwatch {
			c.Unwatch()
		}
		buf := make([]byte, step.room)
		n, err := c.Read(buf)
		if err != nil || string(buf[:n]) != step.want {
			t.Fatalf("read %q, %v, not %q", buf[:n], err, step.want)
		}
	}
}
