package db

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// unansweredLimit is how long what was sent may go unanswered by the other side's kernel, in
// milliseconds, which keep-alives do not look to: TCP would try for a quarter of an hour.
const unansweredLimit = 6000

// giveUp sets it.
func giveUp(network, _ string, raw syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	return onDescriptor(raw, func(fd uintptr) error {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, unansweredLimit)
	})
}
