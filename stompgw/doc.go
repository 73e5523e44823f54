// Package stompgw speaks STOMP 1.0, 1.1 and 1.2 on the bus: a Server runs a session
// for each connection that it accepts or is given.
//
// # Where to begin
//
// conn.go is a session: its handle gives each frame to the function for its command, as those in
// send.go, subscribe.go and ack.go. What these have the bus do is gathered by operation.go, so that a
// commit takes much of it. writer.go writes, and deliver.go what subscriptions have: those to queues
// are in queuesubscription.go, those to topics begin in topicfollower.go. fault.go makes ERROR frames.
//
// # Concurrency
//
// The methods of a Server may be called from any goroutine. A session has two goroutines. The
// reader, which is the caller of ServeConn, takes frames and runs them in order; the writer writes
// to the connection. Both end before ServeConn returns. What they share lies under one lock that is
// never held across I/O or a call of the bus. Over WebSocket a third one, the caller of ServeHTTP,
// takes the messages in that the reader reads from.
package stompgw
