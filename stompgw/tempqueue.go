package stompgw

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"atommq/bus"
)

// tempQueue is a queue of one session: the feed behind it has a name that nobody guesses, which
// a reply-to header tells those who are to answer, on any node. It goes with the session.
type tempQueue struct {
	feed string
	// implicit takes what arrives while the client has not subscribed, as RabbitMQ does.
	implicit *queueSubscription
	explicit bool // it has
}

// tempFeedPrefix begins the names of feeds behind temp queues; what rand.Text returns follows.
const tempFeedPrefix = "temp."

// isTempFeed reports whether a feed is named as those behind temp queues are.
func isTempFeed(name string) bool {
	const shortest = 26
	secret, found := strings.CutPrefix(name, tempFeedPrefix)
	return found && len(secret) >= shortest && strings.Trim(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// checkAsker refuses what would begin a temp queue anew once its session has ended: nobody would
// take the answer, and nobody would remove the feed.
func (c *conn) checkAsker(ctx context.Context, feed string) error {
	if !isTempFeed(feed) {
		return nil
	}
	_, err := c.server.Bus.Queue(ctx, feed, bus.DefaultQueue)
	if errors.Is(err, bus.ErrNoQueue) {
		return faultf("leave the answer: the session that asked for it has ended, and its temp queue with it", "whoever asked has gone")
	}
	return err
}

// tempQueue returns the session's temp queue of that name, made when it is first named.
func (c *conn) tempQueue(name string) (*tempQueue, error) {
	if t := c.temps[name]; t != nil {
		return t, nil
	}
	if err := c.permitSome(bus.RightPublish, ""); err != nil { // who may write nothing asks nothing
		return nil, err
	}
	if len(c.temps) >= c.server.MaxTempQueues {
		return nil, faultf("use one for all replies", "the connection has its %d temp queues", c.server.MaxTempQueues)
	}
	if c.temps == nil {
		c.temps = make(map[string]*tempQueue)
	}
	t := &tempQueue{feed: tempFeedPrefix + rand.Text()}
	c.temps[name] = t
	return t, nil
}

// replyAddress returns what a reply-to header that names a temp queue is for those who get it, and
// has what they send there delivered to the client.
func (c *conn) replyAddress(ctx context.Context, text []byte) (string, error) {
	to, err := parseDestination(text)
	if err != nil {
		return "", err
	}
	if err := to.checkFeed(); err != nil {
		return "", err
	}
	t, err := c.tempQueue(to.name)
	if err != nil {
		return "", err
	}
	if t.implicit == nil && !t.explicit {
		q := newQueueSubscription(c, &subscription{id: to.text, to: to})
		if err := c.consume(ctx, q, t.feed, bus.DefaultQueue, 0); err != nil {
			return "", err
		}
		t.implicit = q
		c.beginSubscription(q, receipt{})
	}
	return queuePrefix + t.feed, nil
}

// closeImplicit makes way for the client's own subscription.
func (c *conn) closeImplicit(t *tempQueue) {
	t.explicit = true
	if t.implicit != nil {
		t.implicit.close()
		t.implicit = nil
	}
}

// dropTempQueues removes the feeds behind the session's temp queues.
func (c *conn) dropTempQueues(ctx context.Context) {
	for _, t := range c.temps {
		for _, feed := range []string{t.feed, bus.DeadFeed(t.feed)} {
			if err := c.server.Bus.DropFeed(ctx, feed, 0); err != nil && !errors.Is(err, bus.ErrNoFeed) {
				c.server.Log.Warn("a temp queue is left behind", "feed", feed, "session", c.name, "error", err)
			}
		}
	}
	c.temps = nil
}
