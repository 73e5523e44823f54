package stompgw

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// subscription is a SUBSCRIBE frame taken apart.
type subscription struct {
	id       string
	unnamed  bool // no id was given (1.0), and id is the destination
	to       destination
	mode     ackMode
	prefetch int // 0 where none was asked for
	timeout  time.Duration
	group    string
	whole    bool
	browse   bool
	after    int64    // Xlastid, or fromNow
	loss     bus.Loss // that it knows of
}

func (c *conn) handleSubscribe(ctx context.Context, f *stomp.Frame, r receipt) error {
	if err := c.pay(ctx, bus.LimitRequests, 1); err != nil {
		return err
	}
	s, err := c.parseSubscribe(f)
	if err != nil {
		return err
	}
	if c.queues.get(s.id) != nil || c.follow(s.id) != nil {
		return faultf("UNSUBSCRIBE it first, or use another id", "there is a subscription %s already", quote([]byte(s.id)))
	}
	if c.queues.used+c.follows >= c.server.MaxSubscriptions {
		return faultf("UNSUBSCRIBE from some first", "the connection has its %d subscriptions", c.server.MaxSubscriptions)
	}
	// What the client sent before is done before; and so are RECEIPTs sent in the order of frames.
	if err := c.settle(ctx); err != nil {
		return err
	}
	if err := c.caller.Enter(bus.LimitSubscriptions); err != nil {
		return err
	}
	if s.to.kind == toTopic {
		err = c.subscribeTopic(ctx, s, r)
	} else {
		err = c.subscribeQueue(ctx, s, r)
	}
	if err != nil {
		c.caller.Leave(bus.LimitSubscriptions, 1)
		return err
	}
	c.subscribed++
	return nil
}

// follow returns the subscription to a topic that has this id, nil for none.
func (c *conn) follow(id string) *follow {
	if c.follows == 0 {
		return nil
	}
	c.topics.idsMu.Lock()
	defer c.topics.idsMu.Unlock()
	return c.topics.ids.get(id)
}

func (c *conn) parseSubscribe(f *stomp.Frame) (s subscription, err error) {
	text, found := f.Get("destination")
	if !found {
		return s, faultf(destinationForms, "SUBSCRIBE without destination")
	}
	if s.to, err = parseDestination(text); err != nil {
		return s, err
	}
	if s.to.kind == toControl {
		return s, faultf("SEND to it, with a receipt: the RECEIPT has the number", "destination %s cannot be subscribed to", quote(text))
	}
	if s.to.kind == toQueue && s.to.isWild() {
		return s, faultf("subscribe to /topic/"+s.to.name+", or to each queue by its name", "destination %s: queues have no wildcards", quote(text))
	}
	if s.id, s.unnamed, err = c.subscriptionID(f, s.to); err != nil {
		return s, err
	}
	if s.mode, err = parseAckMode(f, c.version); err != nil {
		return s, err
	}
	if s.prefetch, err = c.server.parsePrefetch(f); err != nil {
		return s, err
	}
	if value, found := f.Get("ack-timeout"); found {
		if s.timeout, err = parseAckTimeout(value); err != nil {
			return s, err
		}
	}
	if value, found := f.Get("selector"); found && len(value) > 0 {
		return s, faultf("send to several destinations, or sort messages out in the client", "selectors are not supported")
	}
	if err := checkDurable(f, s.to); err != nil {
		return s, err
	}
	group, _ := f.Get("group")
	s.group = string(group)
	if s.browse, err = parseBoolean(f, "browser", false); err != nil {
		return s, err
	}
	if s.whole, err = parseAccept(f); err != nil {
		return s, err
	}
	cursor, err := parseLastID(f)
	s.after, s.loss = cursor.After, cursor.Loss
	return s, err
}

// subscriptionID returns the id of a subscription, or what stands for it in 1.0, where the
// client may give none.
func (c *conn) subscriptionID(f *stomp.Frame, to destination) (id string, unnamed bool, err error) {
	value, found := f.Get("id")
	switch {
	case len(value) > 255:
		return "", false, faultf("choose a shorter one", "the id of a subscription takes at most 255 bytes")
	case found:
		return string(value), false, nil
	case c.version >= stomp.V11:
		return "", false, faultf("name the subscription in the header id", "%s without id", f.Command)
	}
	return to.text, true, nil
}

// parsePrefetch takes the number of messages that a subscription may hold, by the names that
// ocamlmq, RabbitMQ and ActiveMQ have for it. 0 and less ask for as many as there can be.
func (s *Server) parsePrefetch(f *stomp.Frame) (int, error) {
	for _, name := range [...]string{"prefetch", "prefetch-count", "activemq.prefetchSize"} {
		value, found := f.Get(name)
		if !found {
			continue
		}
		n, err := strconv.Atoi(string(value))
		if err != nil {
			return 0, faultf("send a whole number", "%s %s is none", name, quote(value))
		}
		if n <= 0 {
			n = s.MaxPrefetch
		}
		return min(n, s.MaxPrefetch), nil
	}
	return 0, nil
}

// parseAccept reports whether the body of each MESSAGE is to be the whole entry.
func parseAccept(f *stomp.Frame) (whole bool, err error) {
	value, found := f.Get("accept")
	if !found {
		return false, nil
	}
	media, _, _ := bytes.Cut(value, []byte(";"))
	switch media = bytes.TrimSpace(media); {
	case bytes.EqualFold(media, []byte("application/atom+xml")):
		return true, nil
	case string(media) == "*/*":
		return false, nil
	}
	return false, faultf("send accept:application/atom+xml for whole entries, or leave it out for messages as they were sent",
		"accept %s is no form that messages come in", quote(value))
}

// parseLastID takes the cursor that a topic is to be replayed from. HTTP, where the header comes
// from, takes its name in any case.
func parseLastID(f *stomp.Frame) (bus.Cursor, error) {
	i := slices.IndexFunc(f.Fields, func(h stomp.Field) bool { return bytes.EqualFold(h.Name, []byte("Xlastid")) })
	if i < 0 {
		return bus.Cursor{After: fromNow}, nil
	}
	value := f.Fields[i].Value
	cursor, err := bus.ParseCursor(string(value))
	if err != nil {
		return cursor, faultf("send the Xlastid of the last MESSAGE, or 0 for everything that is kept", "Xlastid %s is none", quote(value))
	}
	return cursor, nil
}

// checkAhead refuses a cursor that the log has not come to, as one from before a restore: nothing
// would be delivered until it has. Another node may be ahead of this one, so the store is asked.
func (c *conn) checkAhead(ctx context.Context, after int64) error {
	if after <= c.server.Bus.Head() {
		return nil
	}
	newest, err := c.server.Bus.Newest(ctx)
	if err != nil || after <= newest {
		return err
	}
	return faultf(fmt.Sprintf("it is from another database, or from before this one was restored: subscribe with Xlastid:%d for what comes next, or Xlastid:0 for everything that is kept", newest),
		"Xlastid %d is ahead of the log, whose newest id is %d", after, newest)
}

func (c *conn) subscribeTopic(ctx context.Context, s subscription, r receipt) error {
	if s.group != "" || s.browse {
		return faultf("use /queue/NAME for these", "topics have no group and no browser")
	}
	t := topicSubscription{
		id: []byte(s.id), unnamed: s.unnamed, feed: []byte(s.to.name), after: s.after, loss: s.loss, whole: s.whole, ack: s.mode, window: s.prefetch,
	}
	if name, prefix := strings.CutSuffix(s.to.name, "*"); prefix {
		if err := s.to.checkPrefix(name); err != nil {
			return err
		}
		if err := c.permitSome(bus.RightRead, name); err != nil {
			return err
		}
		t.feed, t.prefix = []byte(name), true
	} else if s.loss != 0 {
		return faultf("send the number alone: what stands behind it is for the feeds of a prefix", "Xlastid of one feed")
	} else if err := s.to.checkFeed(); err != nil {
		return err
	} else if err := c.permitTopic(ctx, bus.RightRead, s.to.name); err != nil {
		return err
	}
	if err := c.checkName(ctx, s.to); err != nil {
		return err
	}
	if err := c.checkWildcards(ctx, s.to); err != nil {
		return err
	}
	if err := c.checkAhead(ctx, s.after); err != nil {
		return err
	}
	c.topics.subscribe(t)
	c.follows++
	c.answer(r)
	return nil
}

func (c *conn) subscribeQueue(ctx context.Context, s subscription, r receipt) error {
	if s.after != fromNow {
		return faultf("subscribe to /topic/"+s.to.name+" with it: a queue has one place for all its consumers", "Xlastid on a queue")
	}
	if err := s.to.checkFeed(); err != nil {
		return err
	}
	queue, err := queueName(s.group)
	if err != nil {
		return err
	}
	feed := s.to.name
	var temp *tempQueue
	if s.to.kind == toTempQueue {
		if temp, err = c.tempQueue(ctx, s.to); err != nil {
			return err
		}
		feed = temp.feed
	} else if err := c.permitOwn(ctx, bus.RightConsume, feed); err != nil {
		return err
	} else if err := c.checkName(ctx, s.to); err != nil {
		return err
	}
	q := newQueueSubscription(c, &s)
	if s.browse {
		return c.browse(q, feed, queue, r)
	}
	if err := c.consume(ctx, q, feed, queue, s.timeout); err != nil {
		return err
	}
	if temp != nil {
		temp.explicit++
		c.closeImplicit(temp)
	}
	c.enlist(q)
	c.beginSubscription(q, r)
	return nil
}

// consume makes q a consumer.
func (c *conn) consume(ctx context.Context, q *queueSubscription, feed, queue string, timeout time.Duration) error {
	if err := c.makeFeed(ctx, feed); err != nil {
		return err
	}
	if q.prefetch == 0 {
		q.prefetch = uint16(c.server.Prefetch)
	}
	if q.mode != ackAuto {
		q.holds = new(holds)
	}
	var err error
	q.consumer, err = c.server.Bus.Consume(ctx, bus.ConsumerConfig{
		Feed: feed, Queue: queue, Prefetch: int(q.prefetch), AckTimeout: timeout, Name: c.name, Ready: q.notify,
	})
	if err == nil {
		c.server.stats.queues.Add(1)
	}
	return err
}

func (c *conn) enlist(q *queueSubscription) {
	c.queues.add(hashOf(q.id()), q)
}

// handleUnsubscribe ends a subscription and gives back what it holds: acknowledging that comes too late.
func (c *conn) handleUnsubscribe(ctx context.Context, f *stomp.Frame, r receipt) error {
	text, _ := f.Get("destination")
	id, unnamed, err := c.subscriptionID(f, destination{text: string(text)})
	if err != nil {
		return err
	}
	// What was acknowledged before is, before the rest is given back.
	if err := c.settle(ctx); err != nil {
		return err
	}
	q := c.queues.get(id)
	if q != nil {
		c.queues.remove(hashOf(id), q)
		q.close()
	} else if c.topics.unsubscribe([]byte(id)) {
		c.follows--
	} else if unnamed {
		return faultf("UNSUBSCRIBE by the destination or the id of a SUBSCRIBE", "no subscription to %s", quote(text))
	} else {
		return faultf("UNSUBSCRIBE by the id of a SUBSCRIBE", "there is no subscription %s", quote([]byte(id)))
	}
	c.subscribed--
	c.caller.Leave(bus.LimitSubscriptions, 1)
	c.answer(r)
	if q != nil {
		return c.leaveTemp(ctx, q)
	}
	return nil
}

// closeSubscriptions ends all that consume. It may be called again.
func (c *conn) closeSubscriptions() {
	for q := range c.queues.all() {
		q.close()
	}
	c.queues = idTable[*queueSubscription]{}
	for _, t := range c.temps {
		c.closeImplicit(t)
	}
}
