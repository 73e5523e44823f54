//go:build !linux

package db

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// nodeLocks tells which nodes live, as on Linux, where there are no locks of bytes that belong to
// the open file: each node locks a whole file of its own with flock, which has the same properties.
// Windows lacks it, and is not supported.
type nodeLocks struct {
	path     string
	database string // whose owner and mode a file has

	mu   sync.Mutex
	mine map[int64]*os.File
}

// hold takes node's lock.
func (l *nodeLocks) hold(node int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := openLocks(l.name(node), l.database, os.O_CREATE)
	if err != nil {
		return err
	}
	if err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(&os.PathError{Op: "lock", Path: f.Name(), Err: err}, f.Close())
	}
	if l.mine == nil {
		l.mine = make(map[int64]*os.File)
	}
	l.mine[node] = f
	return nil
}

// onLoss implements vitals. While a process runs, the kernel keeps its locks.
func (l *nodeLocks) onLoss(func(node int64)) {}

// release lets go of node's lock, if it is held here.
func (l *nodeLocks) release(node int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.mine[node]
	if f == nil {
		return nil
	}
	delete(l.mine, node)
	return errors.Join(os.Remove(f.Name()), f.Close())
}

// held reports whether node's lock is held, here or elsewhere. It removes the file of a dead one,
// which no other node will use.
func (l *nodeLocks) held(node int64) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mine[node] != nil {
		return true, nil
	}
	f, err := openLocks(l.name(node), l.database, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return true, f.Close()
	case err != nil:
		return false, errors.Join(err, f.Close())
	}
	return false, errors.Join(os.Remove(f.Name()), f.Close())
}

func (l *nodeLocks) name(node int64) string { return l.path + "." + strconv.FormatInt(node, 10) }

// close lets go of all locks.
func (l *nodeLocks) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all error
	for _, f := range l.mine {
		all = errors.Join(all, f.Close())
	}
	l.mine = nil
	return all
}
