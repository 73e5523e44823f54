package stompgw

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// What other brokers do, and this server does not, is refused where a client asks for it: ignored,
// something else would be delivered than was asked for, or nothing, and nobody would be told.

// durables are the headers by which clients of RabbitMQ, ActiveMQ (which takes a misspelt one, too)
// and Artemis ask a broker to remember their subscription to a topic.
var durables = [...]string{
	"durable", "persistent", "activemq.subscriptionName", "activemq.subcriptionName", "durable-subscription-name",
}

// checkDurable refuses to remember a subscription to a topic. A queue is remembered anyway.
func checkDurable(f *stomp.Frame, to destination) error {
	if to.kind != toTopic {
		return nil
	}
	for _, name := range durables {
		value, found := f.Get(name)
		if !found || len(value) == 0 || bytes.EqualFold(value, []byte("false")) {
			continue
		}
		return faultf("keep the Xlastid of the last MESSAGE, and send it as Xlastid with the next SUBSCRIBE, which then delivers what came meanwhile; or subscribe to "+
			queuePrefix+to.name+" with a group of this client's own",
			"%s: the server does not remember subscriptions to topics", name)
	}
	return nil
}

// options tells what ActiveMQ takes behind a destination's name.
var options = regexp.MustCompile(`\?[A-Za-z][A-Za-z.]*=`)

// checkName refuses a name that other brokers would take for several, or for options. It may be
// that of a feed all the same, if there is such a feed.
func (c *conn) checkName(ctx context.Context, to destination) error {
	f := oddName(to)
	if f == nil || to.kind == toTempQueue {
		return nil
	}
	return c.unlessThere(ctx, strings.TrimSuffix(to.name, "*"), f)
}

// unlessThere returns f where there is no feed of that very name.
func (c *conn) unlessThere(ctx context.Context, feed string, f *fault) error {
	_, err := c.server.Bus.Feed(ctx, feed)
	if errors.Is(err, bus.ErrNoFeed) {
		return f
	}
	return err
}

// oddName says what a name would be elsewhere, nil where it is nothing but a name.
func oddName(to destination) *fault {
	if !strings.ContainsAny(to.name, ",?") {
		return nil
	}
	switch {
	case strings.Contains(to.name, ","+queuePrefix), strings.Contains(to.name, ","+topicPrefix):
		return faultf("name one destination, with a frame for each", "destination %s names several", quote([]byte(to.text)))
	case options.MatchString(to.name):
		return faultf("send options as headers, such as prefetch:1", "destination %s has options behind its name", quote([]byte(to.text)))
	}
	return nil
}

// checkWildcards refuses the wildcards that other brokers have in names of topics. There may be a
// feed of that very name, though.
func (c *conn) checkWildcards(ctx context.Context, to destination) error {
	name := strings.TrimSuffix(to.name, "*")
	at := wildcardIn(name)
	if at < 0 {
		return nil
	}
	return c.unlessThere(ctx, name, faultf("subscribe to "+topicPrefix+name[:at]+"*, which is all feeds whose names begin so, and pass over the others; or to each by its name",
		"destination %s has a wildcard that this server does not know", quote([]byte(to.text))))
}

// wildcardIn returns where the first wildcard stands in a name: * anywhere, > and # as a word of
// their own, between dots or slashes. It is below 0 when there is none.
func wildcardIn(name string) int {
	const parts = "./"
	for i := range len(name) {
		switch name[i] {
		case '*':
			return i
		case '>', '#':
			begins := i == 0 || strings.IndexByte(parts, name[i-1]) >= 0
			if ends := i+1 == len(name) || strings.IndexByte(parts, name[i+1]) >= 0; begins && ends {
				return i
			}
		}
	}
	return -1
}

// checkSchedule refuses to deliver later.
func checkSchedule(f *stomp.Frame) error {
	for i := range f.Fields {
		if name := f.Fields[i].Name; bytes.HasPrefix(name, []byte("AMQ_SCHEDULED_")) {
			return faultf("send it when it is due, without this header", "%s: messages are delivered at once, or not", quote(name))
		}
	}
	return nil
}

const tempTopicPrefix = "/temp-topic/"

// noTempTopics refuses a reply-to that nobody could answer.
func noTempTopics(replyTo []byte) *fault {
	name := bytes.TrimPrefix(replyTo, []byte(tempTopicPrefix))
	return faultf("use "+tempQueuePrefix+string(name)+", which is for this session alone, too", "reply-to %s: there are no temp topics", quote(replyTo))
}
