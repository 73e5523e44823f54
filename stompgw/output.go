package stompgw

import (
	"context"
	"errors"
	"sync"
	"time"

	"atommq/stompgw/stomp"
)

// output is what goes to the client, and how far the session has got. conn.mu guards it.
type output struct {
	out   []byte        // frames that answer the client's, not written yet
	woken chan struct{} // holds a token when the writer is to look

	writing bool // somebody writes to the connection: the writer, or the reader for it
	turns   int  // how often somebody has ended writing
	direct  bool // the reader writes the RECEIPT that comes next itself
	quiet   bool // deliver nothing more
	leaving bool // the server ends the session
	ended   bool // nothing more is appended to out; once that is written, the writer ends
	dead    bool // the connection failed
	spared  bool // the session was ended for nothing that its client did

	pending      int // operations of the client's frames that are not decided
	pendingBytes int
	acking       int // operations that acknowledge what was sent with ack:auto

	beat    time.Duration // between heart-beats to the client, 0 for none
	written time.Time     // when something was written last
}

// errEnded says that the session has ended: the client knows why, or is gone.
var errEnded = errors.New("session has ended")

// outBytes bounds what answers take: the reader takes no more frames beyond it.
const outBytes = 256 << 10

// wake has the writer look at what there is to do. Callers hold c.mu.
func (c *conn) wake() {
	if c.writing {
		return // whoever does looks again before the writer waits
	}
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// answer appends a RECEIPT, if one is wanted.
func (c *conn) answer(r receipt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answerLocked(r)
}

func (c *conn) answerLocked(r receipt) {
	if r.wanted && !c.ended {
		c.out = r.append(c.room(), c.version)
		if !c.direct {
			c.wake()
		}
	}
}

// room returns c.out to be appended to.
func (c *conn) room() []byte {
	if c.out == nil {
		c.out = takeBuffer()
	}
	return c.out
}

// fail appends an ERROR and reports whether the session ends with it: always from 1.1 on ("ERROR":
// the server MUST close the connection just after).
func (c *conn) fail(f *fault, r receipt) (ends bool) {
	c.logError(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failLocked(f, r)
}

func (c *conn) failLocked(f *fault, r receipt) (ends bool) {
	if c.ended {
		return true
	}
	c.out = f.append(c.room(), c.version, r, c.name)
	if f.ends || c.version >= stomp.V11 {
		c.spared = f.spares
		c.endLocked()
	}
	c.wake()
	return c.ended
}

// end lets the writer end once everything is written.
func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked()
	c.wake()
}

func (c *conn) endLocked() {
	c.ended = true
	c.changed.Broadcast()
}

// die ends the session whose connection has failed.
func (c *conn) die() {
	c.mu.Lock()
	c.dead = true
	c.endLocked()
	c.wake()
	c.mu.Unlock()
	_ = c.nc.Close() // it failed already
}

func (c *conn) isDead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// waitForRoom waits until there is room for what another frame may bring.
func (c *conn) waitForRoom(ctx context.Context) error {
	for {
		c.mu.Lock()
		full := len(c.out) > outBytes || c.pendingBytes+c.group.bytes > c.server.PendingBytes
		if full && c.group.empty() {
			c.changed.Wait()
		}
		ended := c.ended
		c.mu.Unlock()
		switch {
		case ended:
			return errEnded
		case !full:
			return nil
		}
		c.submit(ctx)
	}
}

// settle waits until everything that the client's frames asked of the bus is decided.
func (c *conn) settle(ctx context.Context) error {
	c.submit(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pending > 0 && !c.ended {
		c.changed.Wait()
	}
	if c.ended {
		return errEnded
	}
	return nil
}

// stopDelivering waits until nothing more is delivered, and everything that was is acknowledged
// that need not be by the client.
func (c *conn) stopDelivering() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = true
	for (c.writing || c.acking > 0) && !c.ended {
		c.changed.Wait()
	}
	if c.ended {
		return errEnded
	}
	return nil
}

// bufferBytes is how much is written at once, where there is so much.
const bufferBytes = 64 << 10

// bufferRoom is what a buffer takes before it has to grow: the message that fills it may pass its bound.
const bufferRoom = bufferBytes + 16<<10

// buffers holds what is written until it is: an idle connection keeps none.
var buffers = sync.Pool{New: func() any { return new([bufferRoom]byte) }}

func takeBuffer() []byte { return buffers.Get().(*[bufferRoom]byte)[:0] }

// giveBuffer takes back a buffer, unless it was outgrown.
func giveBuffer(b []byte) {
	if cap(b) == bufferRoom {
		buffers.Put((*[bufferRoom]byte)(b[:bufferRoom]))
	}
}
