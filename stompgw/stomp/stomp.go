// Package stomp reads and writes frames of STOMP 1.0, 1.1 and 1.2. It knows how
// frames look and nothing of what they ask for.
//
// A Reader takes frames from a source of bytes, whichever side of a connection
// those come from, and hands each out in place: nothing is copied, nothing is
// allocated per frame, and no limit is passed before it is checked. The Append
// functions write frames to the end of a slice that the caller keeps.
//
// Concurrency: a Reader belongs to one goroutine, and so does the Frame that it
// returned last. The Append functions have no state and may run anywhere.
// Versions, commands and errors are values, never changed once made.
package stomp
