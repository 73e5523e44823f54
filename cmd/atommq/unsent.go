package main

import "net"

// mostUnsent is how many bytes the kernel takes for a client that is not ready for them. It would
// take up to 4 MiB, and tell of room only once a third of that has gone: a client who reads slowly,
// and yet fast enough for the time that he has, would seem not to read at all.
const mostUnsent = 256 << 10

// thrifty is a listener whose connections have that limit.
type thrifty struct{ net.Listener }

// Accept accepts a connection.
func (t thrifty) Accept() (net.Conn, error) {
	conn, err := t.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		limitUnsent(tcp)
	}
	return conn, err
}
