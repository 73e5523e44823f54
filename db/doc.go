// Package db keeps the bus in a database: in one file of SQLite, or on a PostgreSQL server. The
// statements are written once; the few ways in which the two differ are fields of the writer.
//
// # Concurrency
//
// A Store may be used from any goroutine, and by any number of processes on one
// database. In each, writing goes through one connection, one transaction at a time; reading
// through a pool, which neither waits for the writer nor holds it up.
package db
