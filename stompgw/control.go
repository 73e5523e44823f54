package stompgw

import (
	"context"
	"errors"
	"strings"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// handleControl answers a SEND to a control destination, of ocamlmq's making: the RECEIPT has the number, and without
// one nothing happens.
func (c *conn) handleControl(ctx context.Context, name string, f *stomp.Frame, r receipt) error {
	header, count, err := c.control(name, f)
	if err != nil || !r.wanted {
		return err
	}
	// What the client sent before counts.
	if err := c.settle(ctx); err != nil {
		return err
	}
	n, err := count(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.out = r.appendCount(c.room(), c.version, header, n)
		c.wake()
	}
	return nil
}

// control returns what a control destination counts, and the header that tells it.
func (c *conn) control(name string, f *stomp.Frame) (header string, count func(context.Context) (int64, error), err error) {
	given, _ := f.Get("group")
	group, err := queueName(string(given))
	if err != nil {
		return "", nil, err
	}
	b := c.server.Bus
	if feed, ok := strings.CutPrefix(name, "count-msgs/queue/"); ok {
		return "num-messages", func(ctx context.Context) (int64, error) {
			q, err := b.Queue(ctx, feed, group)
			if errors.Is(err, bus.ErrNoQueue) {
				return 0, nil
			} else if err != nil {
				return 0, err
			}
			return q.Waiting, nil
		}, nil
	}
	if feed, ok := strings.CutPrefix(name, "count-subscribers/queue/"); ok {
		return "num-subscribers", func(context.Context) (int64, error) { return int64(b.Subscribers(feed, group)), nil }, nil
	}
	if feed, ok := strings.CutPrefix(name, "count-subscribers/topic/"); ok {
		return "num-subscribers", func(context.Context) (int64, error) { return int64(c.server.topics.count(feed)), nil }, nil
	}
	return "", nil, faultf(destinationForms, "%s is no control destination", quote([]byte(controlPrefix+name)))
}
