package stompgw

import (
	"context"
	"fmt"
)

// checkOpen reports why a feed takes no messages: its settings let nothing in.
func (c *conn) checkOpen(ctx context.Context, feed string) error {
	closed, err := c.server.Bus.IsClosed(ctx, feed)
	if err != nil || !closed {
		return err
	}
	return &fault{
		message: fmt.Sprintf("the feed %s takes no new messages; its owner has closed it", quote([]byte(feed))),
		detail:  "nothing of this frame was done; ask them to open it, or send to another feed",
	}
}

// checkAllOpen does so for all that a transaction sends to: one may have been closed since.
func (c *conn) checkAllOpen(ctx context.Context, t *transaction) error {
	for i := range t.posts {
		if err := c.checkOpen(ctx, t.posts[i].Feed); err != nil {
			return err
		}
	}
	for i := range t.casts {
		if err := c.checkOpen(ctx, t.casts[i].feed); err != nil {
			return err
		}
	}
	return nil
}
