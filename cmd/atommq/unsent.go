package main

import "net"

// mostUnsent is how many bytes the kernel takes for a client that is not ready for them. It would
// take up to 4 MiB, and tell of room only once a third of that has gone: a client who reads slowly,
// and yet fast enough for the time that he has, would seem not to read at all.
const mostUnsent = 256 << 10

// thrifty is a listener whose connections have that limit.
type thrifty struct{ net.Listener }

// Accept accepts a connection, which over TCP is a *connection.
func (t thrifty) Accept() (net.Conn, error) {
	conn, err := t.Listener.Accept()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn, err
	}
	limitUnsent(tcp)
	return &connection{TCPConn: tcp}, nil
}
