// Package stompgw speaks STOMP 1.0, 1.1 and 1.2 on the bus: a Server runs a session
// for each connection that it accepts or is given.
//
// # Concurrency
//
// The methods of a Server may be called from any goroutine. A session has two goroutines. The
// reader, which is the caller of ServeConn, takes frames and runs them in order; the writer writes
// to the connection. Both end before ServeConn returns. What they share lies under one lock that is
// never held across I/O or a call of the bus. Over WebSocket a third one, the caller of ServeHTTP,
// takes the messages in that the reader reads from.
package stompgw
