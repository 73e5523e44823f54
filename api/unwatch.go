package api

import (
	"context"
	"net"
	"net/http"
)

// Unwatcher is a connection that can be left unwatched while a request is answered.
//
// When a request's body has come to its end, net/http reads one byte more, in a goroutine of its
// own, to learn when the client leaves; before the next request, that read is broken off. Beside a
// commit this is a good part of what a small entry costs, and of no use: what is being committed is
// committed, whoever leaves.
type Unwatcher interface {
	net.Conn
	// Unwatch has the next Read of one byte return nothing, and no error. Any other goes through.
	Unwatch()
}

type connectionKey struct{}

// keepConnection is an http.Server's ConnContext: it lets unwatch find the connection.
func keepConnection(ctx context.Context, conn net.Conn) context.Context {
	if u, ok := conn.(Unwatcher); ok {
		return context.WithValue(ctx, connectionKey{}, u)
	}
	return ctx
}

// unwatch leaves r's connection unwatched, if it can be, from where r's body ends until the next
// request. The context of r does not end then when the client leaves. Without a body, r has been
// watched from its start.
func unwatch(r *http.Request) {
	if r.Body == http.NoBody {
		return
	}
	if u, ok := r.Context().Value(connectionKey{}).(Unwatcher); ok {
		u.Unwatch()
	}
}
