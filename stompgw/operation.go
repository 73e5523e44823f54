package stompgw

import (
	"context"
	"errors"

	"atommq/bus"
)

// operation is what a frame, or a client's transaction, asks of the bus.
type operation struct {
	bus.Transaction
	conn    *conn
	receipt receipt
	size    int     // that it counts with among what is pending
	held    []*held // what Acks and Nacks settle; nil for ack:auto
	nacked  int64   // bytes of the messages that were collected in Nacks
	whole   bool    // a client's transaction: all or none
	tally   *tally  // that answers for it; nil where it has a receipt of its own, or none
	auto    bool    // acknowledges what was sent with ack:auto
	post    [1]bus.Post
}

// frameOverhead stands for what a frame takes beside its bytes while it is pending.
const frameOverhead = 512

// group is the operations that the reader has collected from what came at once.
type group struct {
	list    []*bus.Transaction
	bytes   int
	awaited bool       // the client wants a receipt
	last    *operation // of list
}

// groupLimit bounds what is collected: the bus begins while the rest is read.
const groupLimit = 256

func (g *group) empty() bool { return len(g.list) == 0 }

// add collects o.
func (c *conn) add(ctx context.Context, o *operation) {
	o.conn = c
	o.Done = o.done
	c.group.list = append(c.group.list, &o.Transaction)
	c.group.bytes += o.size
	c.group.awaited = c.group.awaited || o.isAwaited()
	c.group.last = o
	if len(c.group.list) == groupLimit {
		c.submit(ctx)
	}
}

// submit hands what was collected to the bus. An operation that the client waits for, with nothing
// else under way, is committed in this goroutine, and the RECEIPT written from here too.
func (c *conn) submit(ctx context.Context) {
	g := &c.group
	if g.empty() {
		return
	}
	c.mu.Lock()
	alone := len(g.list) == 1 && g.awaited && c.pending == 0
	c.pending += len(g.list)
	c.pendingBytes += g.bytes
	c.direct = alone
	c.mu.Unlock()
	// Errors of both have come through done, for each operation.
	if alone {
		_ = c.server.Bus.Do(ctx, g.list[0])
		c.writeDirect()
	} else {
		_ = c.server.Bus.Submit(ctx, g.list...)
	}
	clear(g.list)
	g.list, g.bytes, g.awaited, g.last = g.list[:0], 0, false, nil
}

// isAwaited reports whether the client wants to be told of the outcome.
func (o *operation) isAwaited() bool { return o.receipt.wanted || o.tally != nil }

// done takes the outcome, from the committer.
func (o *operation) done(*bus.Transaction) {
	if f := o.conclude(o.fault()); f != nil {
		o.conn.logError(f)
	}
}

// conclude takes the outcome, answers the client, and returns the ERROR that it was sent, if it was.
func (o *operation) conclude(f *fault) *fault {
	c, r, now := o.conn, o.receipt, true
	c.mu.Lock()
	defer c.mu.Unlock()
	o.discount()
	c.decide(o)
	if o.tally != nil {
		r = o.tally.receipt
		f, now = o.tally.count(o, f)
	}
	switch {
	case f != nil:
		c.failLocked(f, r)
	case now:
		c.answerLocked(r)
	}
	c.changed.Broadcast()
	return f
}

// discount takes the operation from what is pending. Callers hold c.mu.
func (o *operation) discount() {
	if o.auto {
		o.conn.acking--
		return
	}
	o.conn.pending--
	o.conn.pendingBytes -= o.size
}

// mustSplit reports whether o failed for what its settlements are together: each is to be tried on
// its own. What is too large has too many dead letters among what is given back.
func (o *operation) mustSplit() bool {
	return !o.whole && len(o.Acks)+len(o.Nacks) > 1 &&
		(errors.Is(o.Err, bus.ErrClaimLost) || errors.Is(o.Err, bus.ErrTooLarge))
}

// fault returns what the client is told of the outcome, nil for nothing: a claim that was lost
// concerns those who asked for a receipt.
func (o *operation) fault() *fault {
	if o.whole && len(o.Nacks) > 0 && errors.Is(o.Err, bus.ErrTooLarge) {
		return faultf("nothing of it was done; NACK fewer messages in one transaction, or NACK them without one: each that has used up its attempts becomes a dead letter, and counts with its length",
			"the transaction is larger than one may be")
	}
	if o.Err == nil || o.mustSplit() || errors.Is(o.Err, bus.ErrClaimLost) && !o.receipt.wanted && !o.whole {
		return nil
	}
	f := o.conn.explain(o.Err)
	if o.auto {
		f.ends = true // the client has no frame to send again
	}
	return f
}
