package stompgw

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"atommq/stompgw/stomp"
)

// lingerTime is how long the client may take to read what was written last.
const lingerTime = time.Second

// hangUp closes the connection.
func (c *conn) hangUp() {
	if c.isDead() {
		_ = c.nc.Close() // it failed already
		return
	}
	partFrom(c.nc)
}

// partFrom closes nc once its client had time to read. What arrives meanwhile is read and forgotten:
// closing with it unread resets the connection, and the client may lose the ERROR that tells it why.
func partFrom(nc net.Conn) {
	defer nc.Close()
	half, ok := nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if err := nc.SetReadDeadline(time.Now().Add(lingerTime)); err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, nc) // it ends with any error
}

// refuse answers a client that gets no session.
func refuse(nc net.Conn, f *fault, session string) {
	defer nc.Close()
	if err := nc.SetWriteDeadline(time.Now().Add(lingerTime)); err != nil {
		return
	}
	if _, err := nc.Write(f.append(nil, stomp.V10, receipt{}, session)); err == nil {
		partFrom(nc)
	}
}

// answerInClear tells a client that speaks STOMP where TLS is spoken what is wrong: without TLS,
// which is all that it understands.
func answerInClear(err error) {
	plain, _ := errors.AsType[tls.RecordHeaderError](err)
	if plain.Conn == nil {
		return
	}
	start := bytes.TrimLeft(plain.RecordHeader[:], "\r\n")
	if bytes.HasPrefix([]byte("CONNECT"), start) || bytes.HasPrefix([]byte("STOMP"), start) {
		refuse(plain.Conn, faultf("connect with TLS, or to the port that speaks STOMP without it", "this port speaks TLS"), "")
	}
}
