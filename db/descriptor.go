package db

import (
	"errors"
	"syscall"
)

// onDescriptor runs do with the descriptor of raw, and returns what either fails with.
func onDescriptor(raw syscall.RawConn, do func(fd uintptr) error) error {
	var done error
	err := raw.Control(func(fd uintptr) { done = do(fd) })
	return errors.Join(err, done)
}
