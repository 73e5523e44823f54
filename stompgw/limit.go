package stompgw

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"time"

	"atommq/bus"
)

// longestWait is how long a client is slowed that sends faster than its account may, by not reading
// on: until then it sees a slow server, and need not know of limits.
const longestWait = 10 * time.Second

// pay takes what a frame costs the account, and waits as long as its rate asks. What came before is
// committed meanwhile.
func (c *conn) pay(ctx context.Context, l bus.Limit, n int64) error {
	wait, err := c.caller.Take(l, n, longestWait)
	if err != nil || wait == 0 {
		return err
	}
	c.submit(ctx)
	return c.rest(wait)
}

// rest waits, but not for a session that is to end.
func (c *conn) rest(wait time.Duration) error {
	over := false
	timer := time.AfterFunc(wait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		over = true
		c.changed.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !over && !c.ended && !c.leaving {
		c.changed.Wait()
	}
	if c.ended {
		return errEnded
	}
	return nil
}

// enter counts the session for the account that it is of.
func (c *conn) enter(ctx context.Context, caller *bus.Caller) error {
	if err := caller.Enter(bus.LimitConnections); err != nil {
		return err
	}
	c.caller = caller
	return c.pay(ctx, bus.LimitRequests, 1)
}

// makeFeed makes a feed in the name of the account, if there is none. Those of temp queues count
// for nobody: they end with their connection.
func (c *conn) makeFeed(ctx context.Context, feed string) error {
	if temp, err := c.server.Bus.IsTemp(ctx, feed); temp || err != nil {
		return err
	}
	return c.server.Bus.MakeFeed(ctx, feed, c.caller)
}

// makeFeeds makes those that a transaction publishes to.
func (c *conn) makeFeeds(ctx context.Context, t *transaction) error {
	for i := range t.posts {
		if err := c.makeFeed(ctx, t.posts[i].Feed); err != nil {
			return err
		}
	}
	return nil
}

// limitFault says what to do about a limit.
func limitFault(e *bus.LimitError) *fault {
	raise := "whoever runs the server changes the limit: " + e.Changing()
	f := &fault{message: e.Error(), spares: true}
	switch {
	case e.Limit.IsRate():
		f.detail = fmt.Sprintf("nothing of this frame was done; send it again after %d seconds, and fewer or smaller ones at a time", int64(math.Ceil(e.Wait.Seconds())))
	case e.Limit == bus.LimitFeeds:
		f.detail = "nothing of this frame was done; send to a feed that is there" + unlessNone(e, ", or remove one that this account made") + "; " + raise
	case e.Limit == bus.LimitConnections:
		f.detail, f.ends = unlessNone(e, "end another connection or stream of this account, and connect again; ")+raise, true
	default:
		f.detail = unlessNone(e, "UNSUBSCRIBE from some first, in this or another connection of the account; ") + raise
	}
	return f
}

// unlessNone returns advice to have less of something, where there may be any.
func unlessNone(e *bus.LimitError, advice string) string {
	if e.Most == 0 {
		return ""
	}
	return advice
}

// addressOf returns the address of a client; the zero Addr for one that comes through a unix socket.
func addressOf(a net.Addr) netip.Addr {
	if at, err := netip.ParseAddrPort(a.String()); err == nil {
		return at.Addr()
	}
	at, _ := netip.ParseAddr(a.String()) // as proxies tell it
	return at
}
