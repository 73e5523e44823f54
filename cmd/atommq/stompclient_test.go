package main

import (
	"fmt"
	"net"
	"testing"
	"time"

	"atommq/stompgw/stomp"
)

// stompClient is a STOMP 1.2 client that does one thing after another.
type stompClient struct {
	net.Conn
	frames    *stomp.Reader
	connected *stompFrame
	sent      int // requests so far
}

// stompFrame is a frame that a stompClient received.
type stompFrame struct {
	command stomp.Command
	headers map[string]string
	body    string
}

// stompWait bounds how long a stompClient waits for a frame.
const stompWait = time.Minute

// dialStomp connects to the STOMP port at address.
func dialStomp(address string) (*stompClient, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return greet(conn)
}

// greet begins a session on a connection, and closes that where it fails. headers are added to
// CONNECT, names and values in turn.
func greet(conn net.Conn, headers ...string) (*stompClient, error) {
	c := &stompClient{Conn: conn, frames: stomp.NewReader(conn, stomp.Limits{})}
	err := c.send(stomp.CONNECT, "", append(headers, "accept-version", "1.2", "host", "test", "login", "me", "passcode", "secret")...)
	if err == nil {
		c.connected, err = c.receive()
	}
	if err == nil && c.connected.command != stomp.CONNECTED {
		err = fmt.Errorf("CONNECT is answered with %v", c.connected)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.frames.SetVersion(stomp.V12)
	return c, nil
}

// connect is dialStomp for the length of a test.
func connect(t *testing.T, address string) *stompClient {
	t.Helper()
	c, err := dialStomp(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// send writes a frame; headers are names and values in turn.
func (c *stompClient) send(command stomp.Command, body string, headers ...string) error {
	v := stomp.V12
	if command == stomp.CONNECT {
		v = stomp.V10 // never escaped
	}
	frame := stomp.AppendCommand(nil, command)
	for i := 0; i < len(headers); i += 2 {
		frame = stomp.AppendHeader(frame, v, headers[i], headers[i+1])
	}
	if command == stomp.SEND {
		frame = stomp.AppendBody(frame, []byte(body))
	} else {
		frame = stomp.AppendEnd(frame)
	}
	_, err := c.Write(frame)
	return err
}

// receive waits for the next frame. An ERROR is one.
func (c *stompClient) receive() (*stompFrame, error) {
	if err := c.SetReadDeadline(time.Now().Add(stompWait)); err != nil {
		return nil, err
	}
	f, err := c.frames.Next()
	if err != nil {
		return nil, err
	}
	copied := &stompFrame{f.Command, make(map[string]string, len(f.Fields)), string(f.Body)}
	for i := len(f.Fields) - 1; i >= 0; i-- { // of repeated headers the first counts
		copied.headers[string(f.Fields[i].Name)] = string(f.Fields[i].Value)
	}
	return copied, nil
}

// request sends a frame and waits for its receipt. Nothing else may come before that.
func (c *stompClient) request(command stomp.Command, body string, headers ...string) error {
	c.sent++
	receipt := fmt.Sprint("r", c.sent)
	if err := c.send(command, body, append(headers, "receipt", receipt)...); err != nil {
		return err
	}
	f, err := c.receive()
	if err != nil {
		return err
	}
	if f.command != stomp.RECEIPT || f.headers["receipt-id"] != receipt {
		return fmt.Errorf("%v is answered with %v %v %q", command, f.command, f.headers, f.body)
	}
	return nil
}

// must is request for a test.
func (c *stompClient) must(t *testing.T, command stomp.Command, body string, headers ...string) {
	t.Helper()
	if err := c.request(command, body, headers...); err != nil {
		t.Fatal(err)
	}
}

// message waits for a MESSAGE.
func (c *stompClient) message(t *testing.T) *stompFrame {
	t.Helper()
	f, err := c.receive()
	if err != nil {
		t.Fatal(err)
	}
	if f.command != stomp.MESSAGE {
		t.Fatalf("got %v %v %q, not a message", f.command, f.headers, f.body)
	}
	return f
}
