package stompgw

import (
	"bytes"
	"slices"
	"strconv"
)

// ack takes the value of an id header, as 1.2 has it: that of the ack header of a MESSAGE. NACK is the
// same: the log has the message as it had it before. It reports whether its subscription may have
// given such a message.
func (f *follower) ack(value []byte) (found bool) {
	message, id, ok := parseAckValue(value)
	return ok && f.ackOf(id, message)
}

// parseAckValue returns what appendAck put into a MESSAGE.
func parseAckValue(value []byte) (message int64, id []byte, ok bool) {
	number, id, _ := bytes.Cut(value, []byte("@"))
	number, ours := bytes.CutPrefix(number, []byte("t"))
	message, err := strconv.ParseInt(string(number), 10, 64)
	return message, id, ours && err == nil
}

// ackMessage takes a message-id, as 1.0 and 1.1 have it, and the subscription's id, which may be empty
// in 1.0: the ACK is then of a follow that waits for it, if any does.
func (f *follower) ackMessage(subscription, messageID []byte) (found bool) {
	message := parseMessageID(messageID)
	if len(subscription) > 0 {
		return f.ackOf(subscription, message)
	}
	for _, s := range f.ackedFollows() {
		took, known := f.settle(s, message)
		if took {
			return true
		}
		found = found || known && (message == 0 || !s.is(isWindowed))
	}
	return found
}

// parseMessageID returns 0 for what is not stored: its message-id is a uuid.
func parseMessageID(value []byte) int64 {
	message, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return 0
	}
	return message
}

// ackedFollows returns those that take ACKs.
func (f *follower) ackedFollows() []*follow {
	f.idsMu.Lock()
	defer f.idsMu.Unlock()
	return slices.Clone(f.acked)
}

func (f *follower) ackOf(id []byte, message int64) bool {
	f.idsMu.Lock()
	s := f.ids.get(string(id))
	f.idsMu.Unlock()
	if s == nil || !s.is(isAcked) {
		return false
	}
	_, known := f.settle(s, message)
	return known
}

// gave reports whether a message may have been delivered to a follow that takes ACKs, be it one
// that has gone.
func (f *follower) gave(message int64) bool { return 0 <= message && message < f.ackable.Load() }

// settle takes an ACK of s, and reports whether that waited for it, and whether s may have got the
// message. A follow without a window waits for none.
func (f *follower) settle(s *follow, message int64) (took, known bool) {
	f.mu.Lock()
	l := s.lag
	known = !s.gone && message <= s.after
	if message == 0 || l == nil || l.window == 0 {
		f.mu.Unlock()
		return false, known
	}
	took = l.take(message, s.is(isCumulative))
	if l.pending(s.after) {
		f.enqueue(s)
	}
	wake := f.rouse()
	f.mu.Unlock()
	if wake {
		f.wake()
	}
	return took, known
}

// passOver takes back a message that is not delivered after all. next calls it.
func (f *follower) passOver(s *follow, message int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := s.lag; l != nil && l.take(message, false) && l.pending(s.after) {
		f.enqueue(s)
	}
}
