package stompgw

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// conn is a connection and the session on it.
type conn struct {
	server *Server
	nc     net.Conn
	cut    context.CancelFunc // ends what the session waits for
	name   string             // of the session, for its client, dead letters and the log
	topics follower
	caller *bus.Caller // who connected, and is counted; settled before anything is delivered

	// What the reader alone uses, but for version, which is settled before anything is delivered.
	version      stomp.Version
	frames       *stomp.Reader
	pace         pace
	group        group
	sender       sender
	transactions transactions
	queues       idTable[*queueSubscription]
	follows      int                   // subscriptions to topics
	subscribed   int                   // SUBSCRIBEs that are counted for the account
	temps        map[string]*tempQueue // by name
	blamed       *bus.Delivery         // what the client worked on when it broke off

	mu      sync.Mutex
	changed *sync.Cond // broadcast when the reader may find what it waits for
	output
	deliveries
}

func newConn(s *Server, nc net.Conn, cut context.CancelFunc) *conn {
	c := &conn{server: s, nc: nc, cut: cut, name: rand.Text()}
	c.frames = stomp.NewReader(source{c}, s.Limits)
	c.changed = sync.NewCond(&c.mu)
	c.woken = make(chan struct{}, 1)
	return c
}

// stopped returns why nothing more is to be read, if it is not.
func (c *conn) stopped() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return errEnded
	case c.leaving:
		return errLeaveOff
	}
	return nil
}

// stopReading interrupts a Read that waits. It is called once ended or leaving is set.
func (c *conn) stopReading() {
	_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // a connection that fails this is closed
}

// leaveOff has the session finish what it took and end.
func (c *conn) leaveOff() {
	c.mu.Lock()
	c.leaving = true
	c.changed.Broadcast()
	c.mu.Unlock()
	c.stopReading()
}

// abandon ends the session now, which the server has waited for.
func (c *conn) abandon() {
	c.mu.Lock()
	c.spared = c.spared || !c.ended
	c.mu.Unlock()
	c.cut()
	c.die()
}

// serve runs the session.
func (c *conn) serve(ctx context.Context) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write(ctx)
	}()
	err := c.handshake(ctx)
	if err == nil {
		err = c.read(ctx)
	}
	c.finish(ctx, err)
	<-written
	c.release(ctx, err)
	c.hangUp()
	c.server.Log.Debug("STOMP session closed", "session", c.name, "client", c.nc.RemoteAddr(), "cause", err)
}

// read takes frames and runs them, until the session ends.
func (c *conn) read(ctx context.Context) error {
	for {
		if err := c.waitForRoom(ctx); err != nil {
			return err
		}
		c.pace.begun = time.Time{} // while the server waited, the client could not send
		f, err := c.frames.Next()
		if err != nil {
			return err
		}
		c.server.count(f.Command)
		r := receiptOf(f)
		err = c.handle(ctx, f, r)
		if errors.Is(err, errDisconnected) || errors.Is(err, errEnded) {
			return err
		}
		if err != nil {
			c.spoil(f, err)
			if c.report(ctx, err, r) {
				return errEnded
			}
		}
		if !c.frames.Pending() {
			c.submit(ctx)
		}
	}
}

// errDisconnected ends a session whose client said DISCONNECT.
var errDisconnected = errors.New("client disconnected")

func (c *conn) handle(ctx context.Context, f *stomp.Frame, r receipt) error {
	switch f.Command {
	case stomp.SEND:
		return c.handleSend(ctx, f, r)
	case stomp.ACK:
		return c.handleAck(ctx, f, r, false)
	case stomp.NACK:
		return c.handleAck(ctx, f, r, true)
	case stomp.SUBSCRIBE:
		return c.handleSubscribe(ctx, f, r)
	case stomp.UNSUBSCRIBE:
		return c.handleUnsubscribe(ctx, f, r)
	case stomp.BEGIN:
		return c.handleBegin(ctx, f, r)
	case stomp.COMMIT:
		return c.handleCommit(ctx, f, r)
	case stomp.ABORT:
		return c.handleAbort(ctx, f, r)
	case stomp.DISCONNECT:
		return c.handleDisconnect(ctx, r)
	case stomp.CONNECT, stomp.STOMP:
		return &fault{message: "CONNECT in a session", detail: "send CONNECT once, as the first frame of a connection", ends: true}
	}
	return faultf("clients send SEND, SUBSCRIBE, UNSUBSCRIBE, ACK, NACK, BEGIN, COMMIT, ABORT and DISCONNECT", "%s is a frame that servers send", f.Command)
}

// handleDisconnect answers once everything that the client sent is on disk.
func (c *conn) handleDisconnect(ctx context.Context, r receipt) error {
	if err := c.settle(ctx); err != nil {
		return err
	}
	if err := c.stopDelivering(); err != nil {
		return err
	}
	c.closeSubscriptions()
	c.answer(r)
	return errDisconnected
}

// finish ends the session's output, with an ERROR that says why where err is not the
// client's own wish.
func (c *conn) finish(ctx context.Context, err error) {
	var f *fault
	switch {
	case errors.Is(err, errDisconnected), errors.Is(err, errEnded):
	case errors.Is(err, errLeaveOff):
		_ = c.settle(ctx) // what fails has said so
		f = shuttingDown()
	case errors.Is(err, os.ErrDeadlineExceeded):
		f = c.tooSlow()
	case errors.Is(err, io.EOF): // perhaps only of what the client has to say
		_ = c.settle(ctx)
	case isFault(err):
		c.report(ctx, err, brokenReceipt(err))
	default:
		answerInClear(err)
		c.die()
	}
	if f != nil {
		c.fail(f, receipt{})
	}
	c.end()
}

// brokenReceipt returns the receipt that a frame asked for which is no frame.
func brokenReceipt(err error) receipt {
	if broken, ok := errors.AsType[*stomp.Error](err); ok && broken.Receipt != "" {
		return receipt{broken.Receipt, true}
	}
	return receipt{}
}

// isFault tells what a client did wrong from what befell the connection.
func isFault(err error) bool {
	var f *fault
	var broken *stomp.Error
	var limit *bus.LimitError
	return errors.As(err, &f) || errors.As(err, &broken) || errors.As(err, &limit)
}

// report tells the client what was wrong with a frame, after everything that is due for those
// before it. It reports whether the session ends with it.
func (c *conn) report(ctx context.Context, err error, r receipt) (ends bool) {
	if err := c.settle(ctx); err != nil {
		return true
	}
	return c.fail(c.explain(err), r)
}

// explain returns what the client is told of err, and logs what it is not.
func (c *conn) explain(err error) *fault {
	f, known := faultOf(err)
	if !known {
		c.server.Log.Error("a STOMP frame failed", "session", c.name, "client", c.nc.RemoteAddr(), "error", err)
	}
	return f
}

// logError tells the log of an ERROR that the client gets.
func (c *conn) logError(f *fault) {
	c.server.stats.errors.Add(1)
	c.server.Log.Debug("STOMP client is sent an ERROR", "session", c.name, "client", c.nc.RemoteAddr(), "message", f.message)
}

// release gives back all that the session held, which err has ended.
func (c *conn) release(ctx context.Context, err error) {
	c.dropTransactions()
	if !errors.Is(err, errDisconnected) && !errors.Is(err, errLeaveOff) {
		c.blamed = c.blame()
	}
	c.closeSubscriptions()
	c.topics.close()
	c.dropTempQueues(ctx)
	c.frames.Close()
	c.caller.Leave(bus.LimitSubscriptions, c.subscribed)
	c.caller.Leave(bus.LimitConnections, 1)
}
