package stompgw

import (
	"context"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// topics brings what is published to the topic subscriptions of a node. It is its bus's
// bus.Listener. There is one for a Server.
type topics struct {
	messages
}

// newTopics begins to listen to b.
func newTopics(b *bus.Bus, baseURL string) *topics { return &topics{messages{b, baseURL}} }

// close ends the listening. The followers are closed before.
func (t *topics) close() { panic("not built yet") }

// count returns how many subscriptions of this node get what is published to feed, prefixes included.
func (t *topics) count(feed string) int { panic("not built yet") }

// broadcast brings a message that is not stored to those who are subscribed now. It copies what it
// needs of m. It waits, for at most a second in all, for subscribers that have no room: those that make none are cut off.
// The error is ctx's cause.
func (t *topics) broadcast(ctx context.Context, feed string, m *feeds.Message) error {
	panic("not built yet")
}

// topicSubscription is what a SUBSCRIBE to a topic asks for. Its texts are copied.
type topicSubscription struct {
	id      []byte // unique in the connection
	unnamed bool   // the client gave no id (1.0), and MESSAGE names none; id is then the destination
	feed    []byte // its name, or how its name begins
	prefix  bool
	after   int64 // Xlastid: replay what came after it first; fromNow for nothing
	whole   bool  // accept: application/atom+xml
	ack     topicAck
	window  int // prefetch asked for with a mode that acks; 0 for none
}

// fromNow is the cursor of a subscription that wants what is published from its RECEIPT on.
const fromNow = -1

// topicAck is the ack mode of a topic subscription.
type topicAck uint8

const (
	ackAuto       topicAck = iota
	ackCumulative          // ack:client
	ackIndividual          // ack:client-individual
)

// follower is the topic side of one connection. Its methods may be called from any
// goroutine, next from one at a time.
type follower struct{}

// attach makes f ready. wake is called when next has something to give, and not again before next was called: from
// any goroutine, with no lock held. It must not block.
func (f *follower) attach(t *topics, v stomp.Version, wake func()) { panic("not built yet") }

// subscribe adds a subscription: errSubscribed when its id is taken. What is published after the call returned is delivered.
func (f *follower) subscribe(s topicSubscription) error { panic("not built yet") }

// unsubscribe ends a subscription. Nothing of it is appended by next from then on.
func (f *follower) unsubscribe(id []byte) (found bool) { panic("not built yet") }

// ack takes the value of an id header, as 1.2 has it: that of the ack header of a MESSAGE.
// NACK is the same: the log has the message as it had it before. It reports whether such a message was waiting for it.
func (f *follower) ack(value []byte) (found bool) { panic("not built yet") }

// ackMessage takes a message-id, as 1.0 and 1.1 have it, and the subscription's id, which may be empty in 1.0.
func (f *follower) ackMessage(subscription, messageID []byte) (found bool) { panic("not built yet") }

// next appends MESSAGE frames, about room bytes of them: one frame may pass it. more tells that there are
// further ones at once. After an error (a *bus.GapError, a *cutOffError, the bus's) nothing more comes: the session ends with an ERROR.
func (f *follower) next(ctx context.Context, dst []byte, room int) (out []byte, more bool, err error) {
	panic("not built yet")
}

// close ends all subscriptions. It may be called again.
func (f *follower) close() { panic("not built yet") }
