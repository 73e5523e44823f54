package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"atommq/stompgw/stomp"
)

// benchStompWait bounds what one connection of the load generator takes: whoever does not get by
// then what it waits for, never will.
const benchStompWait = 3 * time.Minute

// benchStomp is one STOMP 1.2 connection of the load generator. It shares the processors with the
// gateway that it measures, so it appends frames to one buffer, writes many at once, and reads what
// came as a whole.
type benchStomp struct {
	net.Conn
	frames *stomp.Reader
	out    []byte // frames to write
	asked  int64  // receipts, which are numbered
	had    int64
	stop   func() bool // ends the watch of the context
}

// dialBenchStomp begins a session, which ends with ctx at the latest.
func dialBenchStomp(ctx context.Context, address string) (*benchStomp, error) {
	conn, err := dialTCP(ctx, address)
	if err != nil {
		return nil, err
	}
	c := &benchStomp{Conn: conn, frames: stomp.NewReader(conn, stomp.Limits{})}
	c.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	if err := c.greet(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Close ends the session without a word.
func (c *benchStomp) Close() error {
	c.stop()
	return c.Conn.Close()
}

func (c *benchStomp) greet() error {
	if err := c.SetDeadline(time.Now().Add(benchStompWait)); err != nil {
		return err
	}
	c.append(stomp.CONNECT, "accept-version", "1.2", "host", "bench")
	if err := c.flush(); err != nil {
		return err
	}
	if _, err := c.next(stomp.CONNECTED); err != nil {
		return err
	}
	c.frames.SetVersion(stomp.V12)
	return nil
}

// dialBenchStomps begins so many sessions.
func dialBenchStomps(ctx context.Context, address string, n int) (benchStomps, error) {
	clients := make(benchStomps, 0, n)
	for range n {
		c, err := dialBenchStomp(ctx, address)
		if err != nil {
			clients.close()
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// append adds a frame without a body to what is to be written; headers are names and values in turn.
func (c *benchStomp) append(command stomp.Command, headers ...string) {
	c.out = stomp.AppendCommand(c.out, command)
	for i := 0; i < len(headers); i += 2 {
		c.out = stomp.AppendHeader(c.out, stomp.V12, headers[i], headers[i+1])
	}
	c.out = stomp.AppendEnd(c.out)
}

// flush writes what was appended.
func (c *benchStomp) flush() error {
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	if err != nil {
		return fmt.Errorf("send frames: %w", err)
	}
	return nil
}

// next reads a frame, which must be of that command.
func (c *benchStomp) next(command stomp.Command) (*stomp.Frame, error) {
	f, err := c.frames.Next()
	if err != nil {
		return nil, fmt.Errorf("wait for %v: %w", command, err)
	}
	if f.Command != command {
		return nil, unexpected(f, command)
	}
	return f, nil
}

func unexpected(f *stomp.Frame, instead stomp.Command) error {
	message, _ := f.Get("message")
	return fmt.Errorf("got %v instead of %v: %s %s", f.Command, instead, message, f.Body)
}

// request sends a frame without a body and waits for its receipt.
func (c *benchStomp) request(command stomp.Command, headers ...string) (*stomp.Frame, error) {
	c.append(command, append(headers, "receipt", "request")...)
	if err := c.flush(); err != nil {
		return nil, err
	}
	return c.next(stomp.RECEIPT)
}

// benchSend is a SEND frame but for the number of its receipt.
type benchSend struct{ before, behind []byte }

// newBenchSend makes a frame with the usual body; headers are names and values in turn.
func newBenchSend(destination string, headers ...string) *benchSend {
	before := stomp.AppendCommand(nil, stomp.SEND)
	before = stomp.AppendHeader(before, stomp.V12, "destination", destination)
	before = stomp.AppendHeader(before, stomp.V12, "content-type", "text/plain")
	for i := 0; i < len(headers); i += 2 {
		before = stomp.AppendHeader(before, stomp.V12, headers[i], headers[i+1])
	}
	return &benchSend{append(before, "receipt:"...), stomp.AppendBody([]byte("\n"), []byte(benchBody))}
}

// benchBody is the body of every message.
var benchBody = strings.Repeat("The quick brown fox jumps over the lazy dog. ", 5)[:200]

// pump sends some messages, and reads receipts until all but some are there. It returns how many
// came.
func (c *benchStomp) pump(s *benchSend, messages int, missing int64) (received int, err error) {
	for range messages {
		c.asked++
		c.out = append(c.out, s.before...)
		c.out = strconv.AppendInt(c.out, c.asked, 10)
		c.out = append(c.out, s.behind...)
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	had := c.had
	for c.asked-c.had > missing || c.frames.Pending() {
		f, err := c.next(stomp.RECEIPT)
		if err != nil {
			return 0, err
		}
		c.had++
		if n := receiptNumber(f); n != c.had {
			return 0, fmt.Errorf("receipt %d comes instead of %d", n, c.had)
		}
	}
	return int(c.had - had), nil
}

// receiptNumber returns the receipt-id of a frame, 0 if that is no number.
func receiptNumber(f *stomp.Frame) int64 {
	id, _ := f.Get("receipt-id")
	n, _ := strconv.ParseInt(string(id), 10, 64)
	return n
}

// subscribe subscribes to destination, and waits until that is done.
func (c *benchStomp) subscribe(destination string, headers ...string) error {
	_, err := c.request(stomp.SUBSCRIBE, append([]string{"id", "1", "destination", destination}, headers...)...)
	return err
}

// consume acknowledges every message that comes, and tells told how many were, on disk, each time a receipt
// comes. What was read at once is acknowledged at once: a frame each, with a receipt for the last one.
func (c *benchStomp) consume(told func(acked int64)) error {
	for given := int64(0); ; {
		f, err := c.frames.Next()
		if err != nil {
			return fmt.Errorf("wait for messages: %w", err)
		}
		switch f.Command {
		case stomp.MESSAGE:
			given++
			c.appendAck(f)
		case stomp.RECEIPT:
			told(receiptNumber(f))
		default:
			return unexpected(f, stomp.MESSAGE)
		}
		if len(c.out) > 0 && !c.frames.Pending() {
			c.out = append(c.out, "receipt:"...)
			c.out = strconv.AppendInt(c.out, given, 10)
			c.out = append(c.out, "\n\n\x00"...)
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
}

// appendAck acknowledges f, in a frame that is left open, and ends the one before.
func (c *benchStomp) appendAck(f *stomp.Frame) {
	ack, _ := f.Get("ack")
	if len(c.out) > 0 {
		c.out = append(c.out, "\n\x00"...)
	}
	c.out = append(c.out, "ACK\nid:"...)
	c.out = append(c.out, ack...)
	c.out = append(c.out, '\n')
}

// count counts the messages that come, and tells told each time it has read what came at once.
func (c *benchStomp) count(told func(messages int64)) error {
	for n := int64(0); ; {
		if _, err := c.next(stomp.MESSAGE); err != nil {
			return err
		}
		n++
		if !c.frames.Pending() {
			told(n)
		}
	}
}

// benchStomps are connections that do the same.
type benchStomps []*benchStomp

func (cs benchStomps) close() {
	for _, c := range cs {
		_ = c.Close() // what matters was read
	}
}

// each calls do with every connection, all at the same time.
func (cs benchStomps) each(do func(i int, c *benchStomp) error) error {
	var all errgroup.Group
	for i, c := range cs {
		all.Go(func() error { return do(i, c) })
	}
	return all.Wait()
}

// during has every connection read for as long as work takes, then closes them. When one fails,
// work's context ends.
func (cs benchStomps) during(ctx context.Context, work func(ctx context.Context) error, read func(i int, c *benchStomp) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, c := range cs {
		group.Go(func() error {
			if err := read(i, c); !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		})
	}
	group.Go(func() error {
		defer cs.close()
		return work(ctx)
	})
	return group.Wait()
}
