package main

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// onWire sends bytes to an address, of TCP or a path, and returns what comes back until the other side closes.
func onWire(t *testing.T, address, sent string) string {
	t.Helper()
	conn, err := net.DialTimeout(wireOf(address), address, processWait)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(processWait)); err != nil {
		t.Fatal(err)
	}
	written := make(chan struct{})
	go func() { // the other side may answer, and close, before it has read all of it
		defer close(written)
		_, _ = io.WriteString(conn, sent)
	}()
	var answer strings.Builder
	_, err = io.Copy(&answer, conn)
	conn.Close()
	<-written
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("nothing ends the answer to %.300q: %.300q", sent, answer.String())
	}
	return answer.String()
}

// wireOf returns the network of an address, of TCP or a path.
func wireOf(address string) string {
	if strings.HasPrefix(address, "/") {
		return "unix"
	}
	return "tcp"
}

// request writes a request that is answered and then has its connection closed.
func request(line, body string, fields ...string) string {
	head := line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	if body != "" || strings.HasPrefix(line, "POST") || strings.HasPrefix(line, "PUT") {
		head += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	for _, f := range fields {
		head += f + "\r\n"
	}
	return head + "\r\n" + body
}
