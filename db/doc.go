// Package db keeps the bus in a database: in one file of SQLite, or on a PostgreSQL server. The
// statements are written once; the few ways in which the two differ are fields of the writer.
//
// # Where to begin
//
// store.go opens a database, and writer.go says how it is written to: through an engine, of which
// there are two, sqlite.go and postgres.go. commit.go carries out what a bus commits; publish.go,
// claim.go and settle.go are nearly all of it. read.go and queues.go read. What works on a whole
// database, as backup.go, copy.go and check.go, opens it by copyside.go and snapshot.go.
//
// # Concurrency
//
// A Store may be used from any goroutine, and by any number of processes on one
// database. In each, writing goes through one connection, one transaction at a time; reading
// through a pool, which neither waits for the writer nor holds it up.
//
// Open starts, for a file, the checkpointer, which brings the write-ahead log into the database; for
// a server, the herald, which tells other processes of commits. The first node that joins on a server
// starts the pulse, which gives signs of life for all of them, each in a goroutine that ends with it.
// Close stops them and waits. Watch is followed in its caller's goroutine.
package db
