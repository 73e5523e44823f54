package stompgw

import (
	"slices"
	"strconv"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// follow is one topic subscription of a connection. There may be millions: it takes 64 bytes, and
// as many as its texts.
type follow struct {
	owner      *follower
	text       string  // the id, then the feed or prefix
	next, prev *follow // the ring of those of one feed; topics.mu guards it

	after int64 // id of the newest entry that it got or does not want; what is not above it is passed over
	lag   *lag  // set while it reads from the log
	hash  uint32
	idEnd uint16
	kind  followKind
	gone  bool
	// The owner's mutex guards after, lag and gone. The others never change.
}

// followKind is what a follow is like.
type followKind uint8

const (
	isPrefix followKind = 1 << iota
	isWhole
	isUnnamed
	isPlain // its texts need no escaping in any version
	isIndividual
	isCumulative
	isWindowed // its lag has a window
	isAcked    = isIndividual | isCumulative
)

// lag is what a follow needs that reads from the log: because it wants what was before, or because
// its connection had no room.
type lag struct {
	newest int64    // id of the newest entry announced; all up to it can be read
	loss   bus.Loss // what the feeds of a prefix had lost above the follow's cursor
	again  bool     // there may be more to read than newest tells
	queued bool     // it stands in the owner's queue, or is being read
	swap   uint64   // of the outbox, that has to come first: it holds older entries of the follow

	window  int     // how many may be unacked; 0 for any number. A follow with a window always reads from the log
	unacked []int64 // their ids, in order
}

// newFollow makes the follow that q asks for, live if it wants what is published from now on.
func newFollow(owner *follower, q *topicSubscription) *follow {
	s := &follow{
		owner: owner,
		text:  string(q.id) + string(q.feed),
		idEnd: uint16(len(q.id)),
	}
	s.kind = q.kind()
	if isPlainText(s.text) {
		s.kind |= isPlain
	}
	window := q.window
	if !s.is(isAcked) {
		window = 0 // nothing would open it
	}
	if window > 0 {
		s.kind |= isWindowed
	}
	if q.after != fromNow || window > 0 {
		s.lag = &lag{window: window, again: q.after != fromNow, loss: q.loss}
	}
	return s
}

// isPlainText reports whether no version escapes or replaces anything in s.
func isPlainText(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case 0, '\n', '\r', ':', '\\':
			return false
		}
	}
	return true
}

func (s *follow) is(k followKind) bool { return s.kind&k != 0 }
func (s *follow) id() string           { return s.text[:s.idEnd] }
func (s *follow) feed() string         { return s.text[s.idEnd:] }

// query asks for what comes next. Callers hold the owner's mutex.
func (s *follow) query() bus.Query {
	prefix := s.is(isPrefix)
	q := bus.Query{Feed: s.feed(), Prefix: prefix, After: s.after, Limit: s.lag.room(), Bytes: pageBytes, Gaps: prefix}
	if prefix {
		q.Loss, q.Reader = s.lag.loss, s.owner.reader
	}
	return q
}

// room is how many entries may be handed out now.
func (l *lag) room() int {
	if l.window == 0 {
		return pageEntries
	}
	return min(pageEntries, l.window-len(l.unacked))
}

// handOut notes an entry that is now with the client.
func (l *lag) handOut(id int64) {
	if l.window > 0 {
		l.unacked = append(l.unacked, id)
	}
}

// take takes an entry back, with all before it if they count as one. It reports false when it was not out.
func (l *lag) take(id int64, cumulative bool) bool {
	i, found := slices.BinarySearch(l.unacked, id)
	if !found {
		return false
	}
	from := i
	if cumulative {
		from = 0
	}
	l.unacked = slices.Delete(l.unacked, from, i+1)
	return true
}

// pending reports whether there is something to read.
func (l *lag) pending(after int64) bool { return l.again || l.newest > after }

// appendHead begins a MESSAGE, with the headers that differ by subscription.
func (s *follow) appendHead(dst []byte, v stomp.Version, e *bus.Entry) []byte {
	dst = append(dst, "MESSAGE\n"...)
	switch {
	case s.is(isUnnamed):
	case s.is(isPlain):
		dst = append(dst, "subscription:"...)
		dst = append(append(dst, s.id()...), '\n')
	default:
		dst = stomp.AppendHeader(dst, v, "subscription", s.id())
	}
	if s.is(isPlain) && (!s.is(isPrefix) || isPlainText(e.Feed)) {
		dst = append(dst, "destination:"+topicPrefix...)
		dst = append(append(dst, e.Feed...), '\n')
	} else {
		dst = stomp.AppendHeader(dst, v, "destination", topicPrefix+e.Feed)
	}
	if s.is(isAcked) && v >= stomp.V12 {
		dst = s.appendAck(dst, v, e.ID)
	}
	return dst
}

// appendAck adds the header whose value an ACK of 1.2 sends back: t, the message's id, @, the
// subscription's id.
func (s *follow) appendAck(dst []byte, v stomp.Version, id int64) []byte {
	if !s.is(isPlain) {
		return stomp.AppendHeader(dst, v, "ack", "t"+strconv.FormatInt(id, 10)+"@"+s.id())
	}
	dst = append(dst, "ack:t"...)
	dst = append(strconv.AppendInt(dst, id, 10), '@')
	return append(append(dst, s.id()...), '\n')
}
