package stompgw

import (
	"context"
	"errors"
	"time"

	"atommq/bus"
)

// writer is what the writing goroutine of a connection works with.
type writer struct {
	*conn
	parcel                 // frames to write
	acks   []*bus.Delivery // delivered with ack:auto in it
	taken  []*bus.Delivery // memory for what a subscription takes

	average int64 // size of those taken last, in bytes
}

// write writes what there is to write, until the session's output has ended or the
// connection fails.
func (c *conn) write(ctx context.Context) {
	w := writer{conn: c, average: guess}
	var beat idleTimer
	defer beat.stop()
	for {
		switch w.begin() {
		case turnNone:
			w.idle(&beat)
		case turnLate:
			w.noteLate()
		case turnLast:
			if w.flush() != nil {
				c.die()
			}
			w.finishWriting()
			c.stopReading()
			return
		case turnOut:
			_ = w.turn(ctx) // an error has ended the session: the next turn is the last
			w.finishWriting()
		}
	}
}

// turn says what the writer is to do next.
type turn uint8

const (
	turnNone turn = iota // wait
	turnLate             // see what was lost
	turnOut              // write, and deliver
	turnLast             // write, and end
)

// begin takes what is to be written first.
func (w *writer) begin() turn {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.dead:
		return turnLast
	case len(w.late) > 0:
		return turnLate
	case w.writing:
		return turnNone // the reader is, and wakes the writer if there is more
	case w.ended:
	case len(w.out) == 0 && len(w.again) == 0 && (w.quiet || !w.deliverable()):
		return turnNone
	}
	w.writing = true
	w.buf, w.out = w.out, nil
	if w.ended {
		return turnLast
	}
	return turnOut
}

// turn writes what was taken, and delivers what is ready, a buffer at most.
func (w *writer) turn(ctx context.Context) error {
	w.resettle(ctx)
	if w.buf == nil {
		w.buf = takeBuffer()
	}
	for w.size() < bufferBytes {
		more, err := w.deliver(ctx)
		if err != nil {
			return w.deliveryFailed(err)
		}
		if !more {
			break
		}
	}
	if err := w.flush(); err != nil {
		w.die()
		return err
	}
	w.acknowledge(ctx)
	return nil
}

// deliveryFailed ends the session, once what was delivered before is written.
func (w *writer) deliveryFailed(cause error) error {
	if err := w.flush(); err != nil {
		w.die()
		return err
	}
	if _, behind := errors.AsType[*cutOffError](cause); behind {
		w.server.countSlow(slowLive)
	}
	f := w.explain(cause)
	f.ends = true
	w.fail(f, receipt{})
	return cause
}

// finishWriting ends what begin began.
func (w *writer) finishWriting() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing = false
	w.turns++
	w.written = time.Now()
	w.changed.Broadcast()
}

// pieceToWrite is how much a client must take within the write timeout.
const pieceToWrite = 256 << 10

// flush writes the parcel.
func (w *writer) flush() error {
	defer w.empty()
	for part, tail := range w.parts() {
		put := w.put
		if tail {
			put = w.putTail
		}
		if err := put(part); err != nil {
			return err
		}
	}
	return nil
}

// put writes to the connection. Callers have set writing.
func (c *conn) put(b []byte) error {
	for len(b) > 0 {
		if err := c.nc.SetWriteDeadline(time.Now().Add(c.server.WriteTimeout)); err != nil {
			return err
		}
		n, err := c.nc.Write(b[:min(len(b), pieceToWrite)])
		if err != nil {
			c.server.countUnread(err)
			return err
		}
		b = b[n:]
	}
	return nil
}

// putTail writes the end of a frame that was begun.
func (c *conn) putTail(b []byte) error {
	ws, ok := c.nc.(*webSocketConn)
	if !ok {
		return c.put(b)
	}
	if err := ws.SetWriteDeadline(time.Now().Add(c.server.WriteTimeout)); err != nil {
		return err
	}
	err := ws.writeTail(b)
	if err != nil {
		c.server.countUnread(err)
	}
	return err
}

// writeDirect writes what answers the client, from the reader's goroutine, if nobody else writes: a
// client that waits for each receipt is answered without a hand-over between goroutines.
func (c *conn) writeDirect() {
	c.mu.Lock()
	c.direct = false
	if c.writing || c.ended || len(c.out) == 0 {
		c.wake()
		c.mu.Unlock()
		return
	}
	c.writing = true
	b := c.out
	c.out = nil
	c.mu.Unlock()
	err := c.put(b)
	giveBuffer(b)
	c.mu.Lock()
	c.writing = false
	c.written = time.Now()
	if c.ended || len(c.out) > 0 || len(c.again) > 0 || c.deliverable() {
		c.wake()
	}
	c.changed.Broadcast()
	c.mu.Unlock()
	if err != nil {
		c.die()
	}
}

// idle waits until there is something to write, and sends a heart-beat when nothing was written for
// so long that the client expects one.
func (w *writer) idle(beat *idleTimer) {
	w.mu.Lock()
	interval, last := w.beat, w.written
	w.mu.Unlock()
	if interval == 0 {
		<-w.woken
		return
	}
	select {
	case <-w.woken:
	case <-beat.at(last.Add(interval * 3 / 4)):
		w.sendBeat(interval)
	}
}

// sendBeat writes a line end, unless something was written meanwhile.
func (w *writer) sendBeat(interval time.Duration) {
	w.mu.Lock()
	due := !w.writing && !w.ended && time.Since(w.written) >= interval*3/4
	w.writing = w.writing || due
	w.mu.Unlock()
	if !due {
		return
	}
	err := w.put([]byte{'\n'})
	w.finishWriting()
	if err != nil {
		w.die()
	}
}

// idleTimer is a timer that is made when it is first needed.
type idleTimer struct{ timer *time.Timer }

func (t *idleTimer) at(when time.Time) <-chan time.Time {
	if t.timer == nil {
		t.timer = time.NewTimer(time.Until(when))
	} else {
		t.timer.Reset(time.Until(when))
	}
	return t.timer.C
}

func (t *idleTimer) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}
