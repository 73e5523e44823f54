package db

import (
	"errors"
	"os"
	"syscall"
)

// onDescriptor runs do with the descriptor of raw, and returns what either fails with.
func onDescriptor(raw syscall.RawConn, do func(fd uintptr) error) error {
	var done error
	err := raw.Control(func(fd uintptr) { done = do(fd) })
	return errors.Join(err, done)
}

// flock locks a whole file, for as long as it is open here.
func flock(f *os.File, how int) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return onDescriptor(raw, func(fd uintptr) error { return syscall.Flock(int(fd), how) })
}
