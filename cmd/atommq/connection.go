package main

import (
	"net"
	"sync/atomic"

	"atommq/api"
)

// connection is a client's, over TCP.
type connection struct {
	*net.TCPConn
	unwatched atomic.Bool
}

var _ api.Unwatcher = (*connection)(nil)

// Unwatch implements api.Unwatcher.
func (c *connection) Unwatch() { c.unwatched.Store(true) }

// Read reads, unless it is the read that Unwatch has left out.
func (c *connection) Read(p []byte) (int, error) {
	if len(p) == 1 && c.unwatched.Swap(false) {
		return 0, nil
	}
	return c.TCPConn.Read(p)
}
