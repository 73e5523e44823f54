package stompgw_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"atommq/stompgw/stomp"
)

// TestWhatOtherBrokersDoIsRefusedRatherThanIgnored sends frames as their clients do.
func TestWhatOtherBrokersDoIsRefusedRatherThanIgnored(t *testing.T) {
	g := start(t)
	for _, test := range []struct{ frame, says string }{
		{"SUBSCRIBE|id:1|destination:/topic/x|durable:true", "durable: the server does not remember subscriptions to topics"},
		{"SUBSCRIBE|id:1|destination:/topic/x|persistent:true", "send it as Xlastid with the next SUBSCRIBE"},
		{"SUBSCRIBE|id:1|destination:/topic/x|activemq.subscriptionName:me", "subscribe to /queue/x with a group"},
		{"SUBSCRIBE|id:1|destination:/topic/x|activemq.subcriptionName:me", "activemq.subcriptionName: "},
		{"SUBSCRIBE|id:1|destination:/topic/x|durable-subscription-name:me", "durable-subscription-name: "},
		{"SUBSCRIBE|id:1|destination:/topic/>", "subscribe to /topic/*, which is all feeds whose names begin so"},
		{"SUBSCRIBE|id:1|destination:/topic/a.>", `destination "/topic/a.>" has a wildcard that this server does not know`},
		{"SUBSCRIBE|id:1|destination:/topic/a.>", "subscribe to /topic/a.*, which"},
		{"SUBSCRIBE|id:1|destination:/topic/a.#", "subscribe to /topic/a.*, which"},
		{"SUBSCRIBE|id:1|destination:/topic/#", "has a wildcard"},
		{"SUBSCRIBE|id:1|destination:/topic/a/#", "has a wildcard"},
		{"SUBSCRIBE|id:1|destination:/topic/*.b", "subscribe to /topic/*, which"},
		{"SUBSCRIBE|id:1|destination:/topic/a.*.b", "has a wildcard"},
		{"SUBSCRIBE|id:1|destination:/topic/a.*.b*", "has a wildcard"},
		{"SUBSCRIBE|id:1|destination:/queue/a,/queue/b", "names several"},
		{"SUBSCRIBE|id:1|destination:/topic/a,/topic/b", "names several"},
		{"SUBSCRIBE|id:1|destination:/queue/x?consumer.prefetchSize=1", "has options behind its name"},
		{"SUBSCRIBE|id:1|destination:/topic/x?consumer.retroactive=true", "send options as headers"},
		{"SEND|destination:/queue/a,/topic/b", "names several"},
		{"SEND|destination:/queue/x?persistent=true", "has options behind its name"},
		{"SEND|destination:/queue/x|AMQ_SCHEDULED_DELAY:1000", "AMQ_SCHEDULED_DELAY"},
		{"SEND|destination:/queue/x|reply-to:/temp-topic/x", "use /temp-queue/x, which is for this session alone"},
		{"SEND|destination:/topic/x|persistent:false|Idempotency-Key:k", "what is not stored cannot be known again"},
	} {
		g.connect(t, "1.2").wantERROR(test.frame, test.says)
	}
	if names := feedNames(t, g.Bus); names != "" {
		t.Errorf("there are the feeds %s", names)
	}
}

func TestWhatIsNotOtherBrokersIsTaken(t *testing.T) {
	g := start(t)
	for _, name := range []string{"a.>", "#", "a*b", "a.*.b"} {
		g.connect(t, "1.2").done("SEND", "destination:/topic/"+name)
	}
	c := g.connect(t, "1.2")
	for i, lines := range []string{
		"destination:/topic/a.>", "destination:/topic/#", "destination:/topic/a*b", "destination:/topic/a.*", "destination:/topic/a.*.b*",
		"destination:/topic/c#", "destination:/topic/->", "destination:/topic/what?", "destination:/topic/a,b", "destination:/topic/*",
		"destination:/queue/jobs|durable:true|auto-delete:false", "destination:/topic/x|durable:false",
	} {
		c.done(append([]string{"SUBSCRIBE", "id:" + strconv.Itoa(i)}, strings.Split(lines, "|")...)...)
	}
	c.done("SEND", "destination:/queue/jobs|x", "persistent:false", "Idempotency-Key:k")
}

// TestWhatExpiredBeforeItCameIsTakenAndDeliveredToNobody sends it while consumers wait, and before.
func TestWhatExpiredBeforeItCameIsTakenAndDeliveredToNobody(t *testing.T) {
	g := start(t)
	past := "expires:" + strconv.FormatInt(time.Now().Add(-time.Hour).UnixMilli(), 10)
	for _, persistent := range []string{"true", "false"} {
		for _, early := range []bool{true, false} {
			sender, consumer := g.connect(t, "1.2"), g.connect(t, "1.2")
			name := "x" + persistent + strconv.FormatBool(early)
			subscribe := func() {
				consumer.done("SUBSCRIBE", "id:q", "destination:/queue/"+name)
				consumer.done("SUBSCRIBE", "id:t", "destination:/topic/t"+name)
			}
			if early {
				subscribe()
			}
			for _, to := range []string{"/queue/", "/topic/t"} {
				sender.done("SEND", "destination:"+to+name, "persistent:"+persistent, past)
			}
			if !early {
				subscribe()
			}
			for _, to := range []string{"/queue/", "/topic/t"} {
				sender.done("SEND", "destination:"+to+name, "alive:"+to)
				if f := consumer.next(); header(f, "alive") != to {
					t.Errorf("got %s", show(f))
				}
			}
		}
	}
}

func TestABrowserLeavesOutWhatHasExpired(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	c.done("SEND", "destination:/queue/x", "expires:1700000000000")
	c.done("SEND", "destination:/queue/x", "n:1")
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "browser:true")
	if f := c.next(); header(f, "n") != "1" {
		t.Errorf("got %s", show(f))
	}
	if f := c.next(); header(f, "browser") != "end" {
		t.Errorf("got %s", show(f))
	}
}

// TestExpirationIsATimeToLive takes RabbitMQ's header, of which expires wins, and which does not keep
// a message from being known again.
func TestExpirationIsATimeToLive(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	c.done("SUBSCRIBE", "id:q", "destination:/queue/x", "ack:client")
	c.done("SUBSCRIBE", "id:t", "destination:/topic/y")
	for _, to := range []string{"/queue/x", "/topic/y"} {
		before := time.Now().UnixMilli()
		c.sendFrame("SEND", "destination:"+to, "expiration:60000", "Idempotency-Key:k")
		f := c.next()
		at, err := strconv.ParseInt(header(f, "expires"), 10, 64)
		if late := at - before - 60_000; err != nil || late < 0 || late > patience.Milliseconds() || header(f, "expiration") != "60000" {
			t.Errorf("got %s", show(f))
		}
		c.done("SEND", "destination:"+to, "expiration:60000", "Idempotency-Key:k")
	}
	c.sendFrame("SEND", "destination:/topic/y", "expiration:1", "expires:0")
	if f := c.next(); f.Command != stomp.MESSAGE || header(f, "expires") != "" {
		t.Errorf("got %s", show(f))
	}
}

func TestARightThatIsLackingEverywhereIsAskedForOnAnyFeed(t *testing.T) {
	g := invite(t, "ann x read")
	g.as(t, "ann").wantERROR("SEND|destination:/temp-queue/a", `the account "ann" lacks the right to publish in any feed.`)
	g.as(t, "ann").wantERROR("SUBSCRIBE|id:1|destination:/temp-queue/a", "atommq user allow ann publish 'FEED', with any feed for FEED")
	g.as(t, "ann").wantERROR("SUBSCRIBE|id:1|destination:/topic/y*", `in any feed that begins with "y"`)
}
