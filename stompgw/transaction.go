package stompgw

import (
	"context"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// transactions are those that a session has open.
type transactions struct {
	open   map[string]*transaction
	frames int // that they hold together
	bytes  int
}

// transaction is the frames of a client's transaction.
type transaction struct {
	posts  []bus.Post
	acks   []*held
	nacks  []*held
	casts  []cast
	spoilt error // of a frame of it that failed: it cannot be committed
	frames int
	bytes  int
}

// cast is a message that is not stored.
type cast struct {
	feed    string
	message *feeds.Message
}

// transactionOf returns the transaction that a frame names, nil for none.
func (c *conn) transactionOf(f *stomp.Frame) (*transaction, error) {
	name, found := f.Get("transaction")
	if !found {
		return nil, nil
	}
	t := c.transactions.open[string(name)]
	if t == nil {
		return nil, faultf("BEGIN it first; COMMIT and ABORT end it", "no transaction %s is open", quote(name))
	}
	return t, nil
}

// spoil keeps the transaction that a failed frame belongs to from being committed without it.
func (c *conn) spoil(f *stomp.Frame, err error) {
	if t, _ := c.transactionOf(f); t != nil && t.spoilt == nil {
		t.spoilt = err
	}
}

func (c *conn) handleBegin(ctx context.Context, f *stomp.Frame, r receipt) error {
	name, found := f.Get("transaction")
	ts := &c.transactions
	switch {
	case !found:
		return faultf("name it in the header transaction", "BEGIN without transaction")
	case ts.open[string(name)] != nil:
		return faultf("end it first, or use another name", "transaction %s is open already", quote(name))
	case len(ts.open) >= c.server.MaxTransactions:
		return faultf("COMMIT or ABORT some first", "the connection has its %d transactions open", c.server.MaxTransactions)
	}
	if ts.open == nil {
		ts.open = make(map[string]*transaction)
	}
	ts.open[string(name)] = new(transaction)
	return c.confirm(ctx, r)
}

// take counts what a frame adds to t, unless that is too much.
func (c *conn) take(t *transaction, frames, bytes int) error {
	ts := &c.transactions
	switch {
	case ts.frames+frames > c.server.TransactionFrames:
		return faultf("COMMIT more often", "open transactions pass the limit of %d frames and acknowledged messages", c.server.TransactionFrames)
	case ts.bytes+bytes > c.server.TransactionBytes:
		return faultf("COMMIT more often; what alone is too long goes without a transaction",
			"open transactions pass the limit of %d bytes", c.server.TransactionBytes)
	case !c.server.reserve(bytes):
		return faultf("nothing of the transaction was done; BEGIN it again later, and COMMIT sooner",
			"the open transactions of all connections pass the limit of %d bytes", c.server.OpenBytes)
	}
	t.frames += frames
	t.bytes += bytes
	ts.frames += frames
	ts.bytes += bytes
	return nil
}

// reserve takes room for what an open transaction holds, if there is any.
func (s *Server) reserve(bytes int) bool {
	if s.opened.Add(int64(bytes)) <= s.OpenBytes {
		return true
	}
	s.opened.Add(-int64(bytes))
	return false
}

// dropTransactions aborts those that the client left open.
func (c *conn) dropTransactions() {
	for _, t := range c.transactions.open {
		c.unclaim(t.acks)
		c.unclaim(t.nacks)
	}
	c.server.opened.Add(-int64(c.transactions.bytes))
	c.transactions = transactions{}
}

// ackLater adds acknowledgements to t. What it acknowledges stays held until then.
func (c *conn) ackLater(ctx context.Context, t *transaction, hs []*held, r receipt, refuse bool) error {
	if err := c.take(t, len(hs), len(hs)*settlementSize); err != nil {
		c.unclaim(hs)
		return err
	}
	if refuse {
		t.nacks = append(t.nacks, hs...)
	} else {
		t.acks = append(t.acks, hs...)
	}
	return c.confirm(ctx, r)
}

// unclaim lets the client acknowledge hs again.
func (c *conn) unclaim(hs []*held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range hs {
		h.busy = false
	}
}

// closeTransaction takes a transaction from those that are open.
func (c *conn) closeTransaction(f *stomp.Frame) (*transaction, error) {
	t, err := c.transactionOf(f)
	if err != nil {
		return nil, err
	}
	name, found := f.Get("transaction")
	if !found {
		return nil, faultf("name it in the header transaction", "%s without transaction", f.Command)
	}
	ts := &c.transactions
	delete(ts.open, string(name))
	ts.frames -= t.frames
	ts.bytes -= t.bytes
	c.server.opened.Add(-int64(t.bytes))
	return t, nil
}

func (c *conn) handleAbort(ctx context.Context, f *stomp.Frame, r receipt) error {
	t, err := c.closeTransaction(f)
	if err != nil {
		return err
	}
	c.unclaim(t.acks)
	c.unclaim(t.nacks)
	return c.confirm(ctx, r)
}

func (c *conn) handleCommit(ctx context.Context, f *stomp.Frame, r receipt) error {
	t, err := c.closeTransaction(f)
	switch {
	case err != nil:
		return err
	case t.spoilt != nil:
		c.unclaim(t.acks)
		c.unclaim(t.nacks)
		return faultf("nothing of it was done; BEGIN it again", "a frame of the transaction failed: %s", c.explain(t.spoilt).message)
	case t.frames == 0:
		return c.confirm(ctx, r)
	}
	if err = c.dropAnswers(ctx, t); err == nil {
		err = c.permitAll(ctx, t)
	}
	if err == nil {
		err = c.makeFeeds(ctx, t)
	}
	if err != nil {
		c.unclaim(t.acks)
		c.unclaim(t.nacks)
		return err
	}
	switch {
	case len(t.casts) > 0:
		return c.commitCasts(ctx, t, r)
	case len(t.posts)+len(t.acks)+len(t.nacks) == 0: // all answers were dropped
		return c.confirm(ctx, r)
	}
	o := t.operation()
	o.receipt = r
	c.add(ctx, o)
	return nil
}

// permitAll reports why the session may not send what t sends: a right may have been taken away
// since.
func (c *conn) permitAll(ctx context.Context, t *transaction) error {
	for i := range t.posts {
		if _, err := c.permitAnswer(ctx, t.posts[i].Feed); err != nil {
			return err
		}
	}
	for i := range t.casts {
		if _, err := c.permitAnswer(ctx, t.casts[i].feed); err != nil {
			return err
		}
	}
	return nil
}

// operation makes one of all that t asks for.
func (t *transaction) operation() *operation {
	o := &operation{whole: true, size: frameOverhead + t.bytes}
	o.Posts = t.posts
	for _, h := range t.acks {
		o.Acks = append(o.Acks, h.Delivery)
	}
	for _, h := range t.nacks {
		o.Nacks = append(o.Nacks, h.Delivery)
	}
	o.held = append(t.acks, t.nacks...)
	return o
}

// commitCasts commits a transaction with messages that are not stored: those go out once the
// rest is on disk.
func (c *conn) commitCasts(ctx context.Context, t *transaction, r receipt) error {
	if err := c.settle(ctx); err != nil {
		return err
	}
	if o := t.operation(); len(o.Posts)+len(o.held) > 0 {
		o.conn = c
		err := c.server.Bus.Do(ctx, &o.Transaction)
		c.mu.Lock()
		c.decide(o)
		c.mu.Unlock()
		if err != nil {
			return o.fault()
		}
	}
	for _, m := range t.casts {
		if err := c.server.topics.broadcast(ctx, m.feed, m.message); err != nil {
			return err
		}
	}
	c.answer(r)
	return nil
}
