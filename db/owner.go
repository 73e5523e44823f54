package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"atommq/bus"
)

// linksTo returns how many names a file has.
func linksTo(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink) //nolint:unconvert // it has another type on other systems
	}
	return 1
}

// giveTo gives a file to whoever owns what info is of, where root has it open. SQLite does so with
// the files beside a database.
func giveTo(f *os.File, info fs.FileInfo) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 && stat.Uid != 0 {
		_ = f.Chown(int(stat.Uid), int(stat.Gid)) // whoever cannot open it is told
	}
}

// openLocks opens a file of locks beside a database, which may do with it what it may with the
// database: a file that root made for itself would keep the server's user from all queues.
func openLocks(path, database string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|flag, 0o600)
	if err != nil {
		return nil, explainLocks(path, err)
	}
	if flag&os.O_CREATE != 0 {
		shareLocks(f, database)
	}
	return f, nil
}

// shareLocks leaves alone what is not a file of locks, which are empty: somebody who may write to
// the directory could have root give away any other one by that name.
func shareLocks(f *os.File, database string) {
	of, err := os.Stat(database)
	if err != nil {
		return
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > 0 || linksTo(info) > 1 {
		return
	}
	if info.Mode().Perm() != of.Mode().Perm() {
		_ = f.Chmod(of.Mode().Perm())
	}
	giveTo(f, of)
}

// explainLocks says of a file of locks that this user may not open it.
func explainLocks(path string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	const remedy = "queues need it: give it to the user of the server"
	if info, unknown := os.Stat(path); unknown == nil {
		return fmt.Errorf("%w: %s belongs to %s, and this user may not read it; %s (chown): %w", bus.ErrReadOnly, path, ownerOf(info), remedy, err)
	}
	return fmt.Errorf("%w: %s cannot be opened or made; %s, and the directory: %w", bus.ErrReadOnly, path, remedy, err)
}

// ownerOf returns the name of a file's owner, or the number of one without.
func ownerOf(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "another user"
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if owner, err := user.LookupId(id); err == nil {
		return owner.Username
	}
	return "user " + id
}
