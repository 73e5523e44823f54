package stompgw

import (
	"slices"

	"atommq/bus"
)

// topicSubscription is what a SUBSCRIBE to a topic asks for. Its texts are copied.
type topicSubscription struct {
	id      []byte // unique in the connection, at most 255 bytes, or as its destination
	unnamed bool   // the client gave no id (1.0), and MESSAGE names none; id is then the destination
	feed    []byte // its name, or how its name begins, feeds.MaxName bytes at most
	prefix  bool
	after   int64    // Xlastid: replay what came after it first; fromNow for nothing
	loss    bus.Loss // that Xlastid of a prefix knows of
	whole   bool     // accept: application/atom+xml
	ack     ackMode
	window  int // prefetch asked for; 0 for none. ackAuto has no use for it
}

// fromNow is the cursor of a subscription that wants what is published from its RECEIPT on.
const fromNow = -1

// ackMode is how the messages of a subscription are acknowledged.
type ackMode uint8

const (
	ackAuto       ackMode = iota
	ackCumulative         // ack:client
	ackIndividual         // ack:client-individual
)

// kind is what its follow is like.
func (q *topicSubscription) kind() (k followKind) {
	if q.prefix {
		k |= isPrefix
	}
	if q.whole {
		k |= isWhole
	}
	if q.unnamed {
		k |= isUnnamed
	}
	switch q.ack {
	case ackCumulative:
		k |= isCumulative
	case ackIndividual:
		k |= isIndividual
	}
	return k
}

// subscribe adds a subscription, whose id is not taken. What is committed after the call returned is
// delivered.
func (f *follower) subscribe(q topicSubscription) {
	f.idsMu.Lock()
	defer f.idsMu.Unlock()
	s := newFollow(f, &q)
	f.ids.add(hashOf(s.id()), s)
	if s.is(isAcked) {
		f.acked = append(f.acked, s)
	}
	f.topics.enter(s, q.after)
	if q.after != fromNow {
		f.begin(s)
	}
}

// unsubscribe ends a subscription. Nothing of it is appended by next from then on.
func (f *follower) unsubscribe(id []byte) (found bool) {
	f.idsMu.Lock()
	hash := hashOf(string(id))
	s := f.ids.find(hash, string(id))
	if s != nil {
		f.ids.remove(hash, s)
		if s.is(isAcked) {
			f.acked = slices.DeleteFunc(f.acked, func(o *follow) bool { return o == s })
		}
	}
	f.idsMu.Unlock()
	if s == nil {
		return false
	}
	f.topics.leave(s)
	f.dismiss(s)
	return true
}

// goneAtOnce is how many follows leave under one hold of the lock that publishing needs.
const goneAtOnce = 128

// close ends all subscriptions. It may be called again.
func (f *follower) close() {
	f.idsMu.Lock()
	follows := slices.Collect(f.ids.all())
	f.ids, f.acked = idTable[*follow]{}, nil
	f.idsMu.Unlock()
	f.end()
	for some := range slices.Chunk(follows, goneAtOnce) {
		f.topics.leave(some...)
	}
}
