package db

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// nodeLocks tells which nodes live. A node holds a lock on the byte with its number in a file
// beside the database, and the kernel lets go of it when the process ends, by whatever cause: so a
// node without its lock is dead at once, and one that was only stopped or starved for a while,
// which any deadline would take for dead, is not.
//
// The locks belong to the open file and not to the process, as POSIX locks would: two stores in one
// process see each other's, and closing the file elsewhere in the process frees none. No byte needs
// to exist to be locked: the file stays empty. It is made by the first hold and never removed,
// because those who have it open would then hold locks that nobody sees.
//
// A lock for reading does as well as one for writing, where nobody but its holder wants the byte,
// and asks only that the file can be read.
type nodeLocks struct {
	path     string
	database string // whose owner and mode the file has

	mu   sync.Mutex
	file *os.File // nil until used
	mine map[int64]bool
}

// hold takes node's lock.
func (l *nodeLocks) hold(node int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(os.O_CREATE); err != nil {
		return err
	}
	if _, err := l.control(unix.F_OFD_SETLK, unix.F_RDLCK, node); err != nil {
		return &os.PathError{Op: "lock", Path: l.path, Err: err}
	}
	if l.mine == nil {
		l.mine = make(map[int64]bool)
	}
	l.mine[node] = true
	return nil
}

// onLoss implements vitals. While a process runs, the kernel keeps its locks.
func (l *nodeLocks) onLoss(func(node int64)) {}

// release lets go of node's lock, if it is held here.
func (l *nodeLocks) release(node int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.mine[node] {
		return nil
	}
	delete(l.mine, node)
	_, err := l.control(unix.F_OFD_SETLK, unix.F_UNLCK, node)
	return err
}

// held reports whether node's lock is held, here or elsewhere.
func (l *nodeLocks) held(node int64) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mine[node] {
		return true, nil
	}
	switch err := l.open(0); {
	case errors.Is(err, os.ErrNotExist): // a copy of the database, whose nodes were elsewhere
		return false, nil
	case err != nil:
		return false, err
	}
	lock, err := l.control(unix.F_OFD_GETLK, unix.F_WRLCK, node)
	return lock.Type != unix.F_UNLCK, err
}

// open opens the file if it is not. Callers hold l.mu.
func (l *nodeLocks) open(flag int) (err error) {
	if l.file == nil {
		l.file, err = openLocks(l.path, l.database, flag)
	}
	return err
}

func (l *nodeLocks) control(cmd int, kind int16, node int64) (unix.Flock_t, error) {
	lock := unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: node, Len: 1}
	raw, err := l.file.SyscallConn()
	if err != nil {
		return lock, err
	}
	err = onDescriptor(raw, func(fd uintptr) error { return unix.FcntlFlock(fd, cmd, &lock) })
	return lock, err
}

// close lets go of all locks.
func (l *nodeLocks) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file, l.mine = nil, nil
	return err
}
