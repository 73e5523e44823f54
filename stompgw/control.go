package stompgw

import (
	"context"
	"errors"
	"strings"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// handleControl answers a SEND to a control destination, of ocamlmq's making: the RECEIPT has the
// number, and without one nothing happens.
func (c *conn) handleControl(ctx context.Context, name string, f *stomp.Frame, r receipt) error {
	asked, err := c.control(ctx, name, f)
	if err != nil || !r.wanted {
		return err
	}
	// What the client sent before counts.
	if err := c.settle(ctx); err != nil {
		return err
	}
	n, err := asked.of(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.out = r.appendCount(c.room(), c.version, asked.header, n)
		c.wake()
	}
	return nil
}

// count is what a control destination asks for.
type count struct {
	header string // of the RECEIPT
	of     func(ctx context.Context) (int64, error)
}

// control takes what follows /control/.
func (c *conn) control(ctx context.Context, name string, f *stomp.Frame) (count, error) {
	given, _ := f.Get("group")
	group, err := queueName(string(given))
	if err != nil {
		return count{}, err
	}
	for _, k := range [...]struct {
		prefix, header string
		of             func(ctx context.Context, feed string) (int64, error)
	}{
		{"count-msgs/queue/", "num-messages", func(ctx context.Context, feed string) (int64, error) {
			return c.server.waiting(ctx, feed, group)
		}},
		{"count-subscribers/queue/", "num-subscribers", func(_ context.Context, feed string) (int64, error) {
			return int64(c.server.Bus.Subscribers(feed, group)), nil
		}},
		{"count-subscribers/topic/", "num-subscribers", func(_ context.Context, feed string) (int64, error) {
			return int64(c.server.topics.count(feed)), nil
		}},
	} {
		if feed, ok := strings.CutPrefix(name, k.prefix); ok && feeds.CheckName(feed) == nil {
			if err := c.permitOwn(ctx, bus.RightRead|bus.RightConsume, feed); err != nil {
				return count{}, err
			}
			return count{k.header, func(ctx context.Context) (int64, error) { return k.of(ctx, feed) }}, nil
		}
	}
	return count{}, faultf(destinationForms, "%s is no control destination", quote([]byte(controlPrefix+name)))
}

// waiting returns how many messages of a queue were not acked.
func (s *Server) waiting(ctx context.Context, feed, group string) (int64, error) {
	q, err := s.Bus.Queue(ctx, feed, group)
	switch {
	case errors.Is(err, bus.ErrNoQueue):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return q.Waiting, nil
}
