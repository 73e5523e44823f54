//go:build !linux

package db

import "os"

// identity is which file a path led to, whatever became of the path since. It is zero where that is not known.
type identity struct{ info os.FileInfo }

func (i identity) known() bool { return i.info != nil }

func (i identity) is(other identity) bool { return os.SameFile(i.info, other.info) }

// identify finds out which file path leads to, and fails as [os.Stat] does.
func identify(path string) (identity, error) {
	info, err := os.Stat(path)
	return identity{info}, err
}
