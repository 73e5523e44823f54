// Package walvfs is a VFS for SQLite, its interface to the operating system, that writes a commit to
// the write-ahead log with one call of the system. SQLite's own takes two for each page, which cost
// more than all else in a commit of many pages but to sync them. And it syncs the log without its times,
// which the driver's SQLite does not. In the exclusive locking mode it does
// as SQLite's own.
package walvfs

// int atommq_register_walvfs(const char *name);
import "C"

import "fmt"

// Name is the parameter vfs of a data source name. It is empty where there is only SQLite's own.
const Name = "atommq"

func init() {
	if rc := C.atommq_register_walvfs(C.CString(Name)); rc != 0 {
		panic(fmt.Sprintf("SQLite does not take a VFS: error %d", rc))
	}
}
