package main

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// hostile is a kind of client that takes what it can get and gives nothing.
type hostile struct {
	name  string
	stomp bool // it comes in at the STOMP port
	// attack goes on until the connection fails, or its work is done.
	attack func(ctx context.Context, c net.Conn) error
}

const (
	dribblePace    = 500 * time.Millisecond // between two bytes of those who dribble
	slowRead       = 100 << 10              // bytes that a slow reader takes ten times a second: 1 MB/s
	stompConnect   = "CONNECT\naccept-version:1.2\nhost:x\n\n\x00"
	oversize       = 1 << 20                // bytes of what is longer than anybody needs
	shoutPiece     = 32 << 10               // of that, at a time
	hostilesPeriod = 200 * time.Millisecond // between two connections of one client, on average
)

// hostiles are the kinds that there are.
var hostiles = []hostile{
	{"dribbles headers", false, dribble("GET /feeds/x HTTP/1.1\r\nHost: x\r\nX: ")},
	{"dribbles a body", false, dribble("POST /feeds/dribble HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n")},
	{"does not end CONNECT", true, dribble("CONNECT\naccept-version:1.2\n")},
	{"does not end a frame", true, dribble(stompConnect + "SEND\ndestination:/queue/dribble\n\n")},
	{"asks and does not read", false, askAndLeave},
	{"reads 1 MB/s", false, readSlowly},
	{"sends oversized headers", false, shout("GET /feeds/x HTTP/1.1\r\nX: ", oversize)},
	{"sends oversized frames", true, shout(stompConnect+"SEND\nx:", oversize)},
	{"sends noise", true, shout(noise(), 0)},
	{"sends noise by HTTP", false, shout(noise(), 0)},
	{"comes and goes", false, func(context.Context, net.Conn) error { return nil }},
	{"comes and goes by STOMP", true, func(context.Context, net.Conn) error { return nil }},
}

// persist attacks again and again until ctx ends.
func (h hostile) persist(ctx context.Context, web, stomp string) {
	for ctx.Err() == nil {
		_ = pause(ctx, rand.N(2*hostilesPeriod)) // nobody keeps them in step
		_ = h.once(ctx, web, stomp)              // it comes back whatever became of it
	}
}

// once attacks over one connection.
func (h hostile) once(ctx context.Context, web, stomp string) error {
	address := web
	if h.stomp {
		address = stomp
	}
	conn, err := dialTCP(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	return h.attack(ctx, conn)
}

// dribble begins something, and goes on with a byte at a time.
func dribble(begin string) func(context.Context, net.Conn) error {
	return func(ctx context.Context, c net.Conn) error {
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = io.Copy(io.Discard, c)
		}()
		defer func() { _ = c.Close(); <-gone }()
		text := begin
		pace := time.NewTicker(dribblePace)
		defer pace.Stop()
		for {
			if _, err := io.WriteString(c, text); err != nil {
				return err
			}
			text = "x"
			select {
			case <-pace.C:
			case <-gone:
				return io.EOF
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// askAndLeave asks for much, again and again, and reads nothing of it.
func askAndLeave(ctx context.Context, c net.Conn) error {
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10) // more would only be kinder
	_, err := io.WriteString(c, strings.Repeat("GET "+benchLargeFeed+" HTTP/1.1\r\nHost: x\r\n\r\n", 10))
	if err != nil {
		return err
	}
	return pause(ctx, time.Hour)
}

// readSlowly asks for much, and takes a megabyte a second of it.
func readSlowly(ctx context.Context, c net.Conn) error {
	_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
	request := "GET " + benchLargeFeed + " HTTP/1.1\r\nHost: x\r\n\r\n"
	if _, err := io.WriteString(c, request+request); err != nil {
		return err
	}
	for {
		if _, err := io.CopyN(io.Discard, c, slowRead); err != nil {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// shout sends what the server does not take, with so many bytes behind it, and waits until it says so.
func shout(text string, more int) func(context.Context, net.Conn) error {
	return func(_ context.Context, c net.Conn) error {
		body := io.LimitReader(&repeated{bytes: bytes.Repeat([]byte("x"), shoutPiece)}, int64(more))
		if _, err := io.Copy(c, io.MultiReader(strings.NewReader(text), body)); err != nil {
			return err
		}
		_ = c.(*net.TCPConn).CloseWrite()
		_, err := io.Copy(io.Discard, c)
		return err
	}
}

// noise is what nobody understands.
func noise() string {
	b := make([]byte, 4<<10)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return string(b)
}
