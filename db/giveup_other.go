//go:build !linux

package db

import "syscall"

// giveUp leaves it to the system how long TCP tries.
func giveUp(string, string, syscall.RawConn) error { return nil }
