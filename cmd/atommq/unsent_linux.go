package main

import (
	"net"

	"golang.org/x/sys/unix"
)

// limitUnsent has the kernel take no more than mostUnsent for the client of conn.
func limitUnsent(conn *net.TCPConn) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, mostUnsent) // Linux has it since 3.12
		})
	}
}
