// Package db keeps the bus in a database: SQLite, in one file.
//
// # Concurrency
//
// A Store may be used from any goroutine, and by any number of processes on one
// file. Writing goes through one connection, one transaction at a time; reading
// through a pool of read-only ones, which neither wait for the writer nor hold it up.
package db
