// Package bus holds AtomMQ's rules: how entries are published, in which order
// they are seen, and how a reader follows them.
//
// A Bus stands on a Store, which keeps the log, and a Notifier, which tells it
// that another process wrote to the same store. Package bustest holds the
// conformance tests of both.
//
// # Concurrency
//
// Every method of a Bus may be called from any goroutine. Open starts two
// goroutines: the committer, which alone writes entries to the store, and the
// watcher, which alone listens to the Notifier. Close stops both and waits for
// them. A Subscription belongs to one goroutine at a time and starts none: its
// caller's goroutine is the follower.
package bus
