package stompgw

import (
	"context"

	"atommq/bus"
)

// tempQueue is a queue of one session: the temp feed behind it has a name that nobody guesses, which
// a reply-to header tells those who are to answer, on any node. It goes with the session.
type tempQueue struct {
	feed     string
	to       destination // as the client calls it
	explicit int         // subscriptions of the client's own
	asked    bool        // a reply-to has named it
	// implicit takes the answers while the client has no subscription, as RabbitMQ does.
	implicit *queueSubscription
}

// permitOwn reports why the session may not use any of these rights on a feed: on temp feeds, nobody
// has any but the session that one belongs to.
func (c *conn) permitOwn(ctx context.Context, rights bus.Rights, feed string) error {
	temp, err := c.server.Bus.IsTemp(ctx, feed)
	switch {
	case err != nil:
		return err
	case !temp:
		return c.permit(rights, feed)
	case c.server.Bus.OwnsTemp(feed, c.name):
		return nil
	}
	return faultf("send the answer there; whoever asked alone is given it", "%s is a reply address: it belongs to the session that asked", quote([]byte(queuePrefix+feed)))
}

// permitTopic reports why the session may not use a right on a feed by its topic: temp feeds have none.
func (c *conn) permitTopic(ctx context.Context, right bus.Rights, feed string) error {
	temp, err := c.server.Bus.IsTemp(ctx, feed)
	switch {
	case err != nil:
		return err
	case temp:
		return faultf("send the answer to the reply-to address as it came: "+queuePrefix+feed, "%s is no topic: it is made of a reply address", quote([]byte(topicPrefix+feed)))
	}
	return c.permit(right, feed)
}

// permitAnswer reports why the session may not send to a queue, and what that is as a temp queue:
// who was told of one may send there. When its session has ended, nobody takes what is sent.
func (c *conn) permitAnswer(ctx context.Context, feed string) (bus.TempState, error) {
	state, err := c.server.Bus.Temp(ctx, feed)
	switch {
	case err != nil:
		return state, err
	case state == bus.NoTemp:
		return state, c.permit(bus.RightPublish, feed)
	case state == bus.TempDead:
		return state, c.permitOwn(ctx, bus.RightPublish, feed)
	}
	return state, nil
}

// permitSend reports why the session may not send there, and what a queue is as a temp queue.
func (c *conn) permitSend(ctx context.Context, to destination) (bus.TempState, error) {
	switch to.kind {
	case toTempQueue:
		return bus.TempLive, nil // which takes a right where it is made
	case toTopic:
		return bus.NoTemp, c.permitTopic(ctx, bus.RightPublish, to.name)
	}
	return c.permitAnswer(ctx, to.name)
}

// dropAnswer takes what is sent to a temp queue whose session has ended, and does nothing with it: a
// worker cannot know, has other work, and would lose its connection to an ERROR.
func (c *conn) dropAnswer(ctx context.Context, feed string, r receipt) error {
	c.countDropped(feed)
	return c.confirm(ctx, r)
}

func (c *conn) countDropped(feed string) {
	c.server.stats.dropped.Add(1)
	c.server.Log.Debug("STOMP answer dropped: whoever asked has gone", "session", c.name, "feed", feed)
}

// dropAnswers takes out of a transaction the answers to those who have gone since they were sent.
func (c *conn) dropAnswers(ctx context.Context, t *transaction) error {
	kept := t.posts[:0]
	for _, p := range t.posts {
		state, err := c.server.Bus.Temp(ctx, p.Feed)
		switch {
		case err != nil:
			return err
		case state == bus.TempGone:
			c.countDropped(p.Feed)
		default:
			kept = append(kept, p)
		}
	}
	t.posts = kept
	return nil
}

// tempQueue returns the session's temp queue that the client calls so, made when it is first named.
func (c *conn) tempQueue(ctx context.Context, to destination) (*tempQueue, error) {
	if t := c.temps[to.name]; t != nil {
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
	feed, err := c.server.Bus.NewTemp(ctx, c.name)
	if err != nil {
		return nil, err
	}
	t := &tempQueue{feed: feed, to: to}
	c.temps[to.name] = t
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
	t, err := c.tempQueue(ctx, to)
	if err != nil {
		return "", err
	}
	t.asked = true
	return queuePrefix + t.feed, c.openImplicit(ctx, t)
}

// openImplicit has the answers delivered to a client that asked and has not subscribed.
func (c *conn) openImplicit(ctx context.Context, t *tempQueue) error {
	if !t.asked || t.explicit > 0 || t.implicit != nil {
		return nil
	}
	q := newQueueSubscription(c, &subscription{id: t.to.text, to: t.to})
	if err := c.consume(ctx, q, t.feed, bus.DefaultQueue, 0); err != nil {
		return err
	}
	t.implicit = q
	c.beginSubscription(q, receipt{})
	return nil
}

// leaveTemp takes a subscription of the client's own, which has ended, from the temp queue that it
// was to, if it was to one.
func (c *conn) leaveTemp(ctx context.Context, q *queueSubscription) error {
	to, err := parseDestination([]byte(q.destination()))
	if err != nil || to.kind != toTempQueue || q.is(browserKind) {
		return err
	}
	t := c.temps[to.name]
	t.explicit--
	return c.openImplicit(ctx, t)
}

// closeImplicit makes way for the client's own subscription.
func (c *conn) closeImplicit(t *tempQueue) {
	if t.implicit != nil {
		t.implicit.close()
		t.implicit = nil
	}
}

// dropTempQueues removes the feeds behind the session's temp queues.
func (c *conn) dropTempQueues(ctx context.Context) {
	for _, t := range c.temps {
		if err := c.server.Bus.DropTemp(ctx, t.feed); err != nil {
			c.server.Log.Warn("a temp queue is left behind", "feed", t.feed, "session", c.name, "error", err)
		}
	}
	c.temps = nil
}
