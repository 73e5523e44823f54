//go:build !linux || !cgo

package walvfs

// Name is empty: SQLite's own VFS is used.
const Name = ""
