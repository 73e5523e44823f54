package stompgw

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// fault is what an ERROR frame tells a client.
type fault struct {
	message string // what is wrong, in a line
	detail  string // what to do, in a line
	ends    bool   // a session of 1.0, too, which goes on after other faults
	lists   bool   // the versions that the server speaks
	spares  bool   // it is for nothing that the client did: what it holds has not failed
}

func (f *fault) Error() string { return f.message + ": " + f.detail }

// faultf makes a fault that a client can mend by sending something else.
func faultf(detail, message string, args ...any) *fault {
	return &fault{message: fmt.Sprintf(message, args...), detail: detail}
}

// sparing makes a fault that is for nothing that the client did.
func sparing(detail, message string, args ...any) *fault {
	f := faultf(detail, message, args...)
	f.spares = true
	return f
}

// quote shows a client what it sent, in short.
func quote(text []byte) string {
	const longest = 64
	if len(text) > longest {
		return fmt.Sprintf("%q…", text[:longest])
	}
	return fmt.Sprintf("%q", text)
}

// faultOf returns what a client is told of err. known is false for what only the log may show.
func faultOf(err error) (f *fault, known bool) {
	var broken *stomp.Error
	var gap *bus.GapError
	var large *feeds.LimitError
	var cut *cutOffError
	var limit *bus.LimitError
	switch {
	case errors.As(err, &f):
		return f, true
	case errors.As(err, &broken):
		return &fault{message: broken.Message, detail: broken.Detail, ends: true}, true
	case errors.As(err, &gap):
		return &fault{message: gap.Error(), detail: gapDetail(gap), ends: true}, true
	case errors.Is(err, context.Canceled): // by Shutdown, which has waited long enough
		return shuttingDown(), true
	case errors.As(err, &cut):
		return cut.fault(), true
	case errors.As(err, &limit):
		return limitFault(limit), true
	case errors.As(err, &large):
		return faultf("send fewer or shorter headers", "%s", large.Error()), true
	}
	for _, known := range busFaults {
		if errors.Is(err, known.err) {
			return &fault{message: cmp.Or(known.says, known.err.Error()), detail: known.detail, ends: known.ends, spares: known.spares}, true
		}
	}
	return &fault{
		spares:  true,
		message: "internal error",
		detail:  "it is not sure what of this frame was done; send it again later. The server's log has the cause under the session that CONNECTED named",
	}, false
}

// robbed is what clients are told of whom the server, cut off from its database, has to expect that
// others work on what they hold.
func robbed() *fault {
	return &fault{
		message: "the server lost touch with its database",
		detail:  "what this connection has not acknowledged goes to another consumer: treat it as not done, and connect again; its temp queues have ended, too",
		ends:    true,
		spares:  true,
	}
}

// homeless is what clients are told whose queue was removed while its feed had no room for another.
func homeless(destination string) *fault {
	return &fault{
		message: fmt.Sprintf("the queue behind %s was removed, and its feed has as many queues as it may", quote([]byte(destination))),
		detail:  "nothing comes from it any more; remove a queue of this feed that nobody needs, over HTTP, and connect again, or subscribe to one that is there",
		ends:    true,
		spares:  true,
	}
}

func gapDetail(gap *bus.GapError) string {
	if gap.Loss != 0 {
		return fmt.Sprintf("if what is missing may be missing, subscribe with Xlastid:%s, which goes on behind %d with all that is kept, or with 0, which begins at the beginning of it", gap.Cursor(), gap.After)
	}
	if gap.Oldest == 0 {
		return fmt.Sprintf("subscribe with Xlastid:%d for what comes next", gap.Pruned)
	}
	return fmt.Sprintf("if what is missing may be missing, subscribe with Xlastid:%d, which begins with the oldest entry kept", gap.Oldest-1)
}

// busFaults tells of the errors of the bus, and what to do about them.
var busFaults = []struct {
	err    error
	says   string // to STOMP clients, where the error speaks of HTTP
	detail string
	ends   bool
	spares bool
}{
	{bus.ErrClaimLost, "", "it was acknowledged before, or its ack timeout passed, or its subscription ended; in the last two cases it goes to another consumer: treat it as not done, acknowledge sooner, or subscribe with a longer ack-timeout", false, false},
	{bus.ErrKeyReused, "idempotency key was used for another message", "use a new Idempotency-Key for each message, and the same one only to repeat it", false, false},
	{bus.ErrManyQueues, "", "subscribe or send to a queue of this feed that is there, or remove one that nobody needs, over HTTP", false, false},
	{bus.ErrTooLarge, "", "send less in a message or transaction", false, false},
	{bus.ErrAppendOnly, "", "this feed takes no changes", false, false},
	{bus.ErrFull, "", "nothing of this frame was stored; send it again once the server has room", false, true},
	{bus.ErrReadOnly, "", "nothing of this frame was stored; the server's database cannot be written", false, true},
	{bus.ErrUncertain, "", "if it had an Idempotency-Key, send it again later: it is published once only; without one, look for it first", false, true},
	{bus.ErrUnavailable, "", "nothing of this frame was stored; send it again later", false, true},
	{bus.ErrClosed, "", "the server is shutting down; connect again later", true, true},
}

// append writes the ERROR frame; receipt is that of the frame at fault, if it had one, session what
// the log calls the session, "" for nothing.
func (f *fault) append(dst []byte, v stomp.Version, receipt receipt, session string) []byte {
	dst = stomp.AppendCommand(dst, stomp.ERROR)
	dst = stomp.AppendHeader(dst, v, "message", f.message)
	if receipt.wanted {
		dst = stomp.AppendHeader(dst, v, "receipt-id", receipt.id)
	}
	if session != "" {
		dst = stomp.AppendHeader(dst, v, "session", session)
	}
	if f.lists {
		dst = stomp.AppendHeader(dst, v, "version", stomp.Versions)
	}
	dst = stomp.AppendHeader(dst, v, "content-type", "text/plain")
	return stomp.AppendBody(dst, []byte(f.message+".\n"+f.detail+".\n"))
}
