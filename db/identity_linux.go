package db

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// identity is which file a path led to, whatever became of the path since. It is zero where that is not known.
type identity struct{ device, inode uint64 }

func (i identity) known() bool { return i != identity{} }

func (i identity) is(other identity) bool { return i == other }

// identify finds out which file path leads to, and fails as [os.Stat] does. It asks for no times: since
// Linux 6.13, a write to a file of which somebody has asked for them is given a time of its own, and the
// sync that follows has more to bring to the disk.
func identify(path string) (identity, error) {
	var x unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO, &x); err == nil {
		return identity{unix.Mkdev(x.Dev_major, x.Dev_minor), x.Ino}, nil
	}
	info, err := os.Stat(path) // older systems, and some containers, have no other
	if err != nil {
		return identity{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return identity{uint64(stat.Dev), stat.Ino}, nil //nolint:unconvert // it has another type on other processors
}
