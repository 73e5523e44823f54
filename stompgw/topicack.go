package stompgw

import (
	"bytes"
	"slices"
	"strconv"
)

// ack takes the value of an id header, as 1.2 has it: that of the ack header of a MESSAGE. NACK is the
// same: the log has the message as it had it before. It reports whether such a message was waiting for it.
func (f *follower) ack(value []byte) (found bool) {
	number, id, _ := bytes.Cut(value, []byte("@"))
	number, ours := bytes.CutPrefix(number, []byte("t"))
	message, err := strconv.ParseInt(string(number), 10, 64)
	return ours && err == nil && f.ackOf(id, message)
}

// ackMessage takes a message-id, as 1.0 and 1.1 have it, and the subscription's id, which may be empty in 1.0.
func (f *follower) ackMessage(subscription, messageID []byte) (found bool) {
	message, err := strconv.ParseInt(string(messageID), 10, 64)
	if err != nil {
		message = 0 // not stored: its message-id is a uuid
	}
	if len(subscription) > 0 {
		return f.ackOf(subscription, message)
	}
	return slices.ContainsFunc(f.ackedFollows(), func(s *follow) bool { return f.settle(s, message) })
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
	return s != nil && s.is(isAcked) && f.settle(s, message)
}

// settle takes an ACK of s. A follow without a window does not keep account of them: any message
// that it may have got will do.
func (f *follower) settle(s *follow, message int64) bool {
	f.mu.Lock()
	l := s.lag
	if message == 0 || l == nil || l.window == 0 {
		ok := !s.gone && message <= s.after
		f.mu.Unlock()
		return ok
	}
	ok := l.take(message, s.is(isCumulative))
	if l.pending(s.after) {
		f.enqueue(s)
	}
	wake := f.rouse()
	f.mu.Unlock()
	if wake {
		f.wake()
	}
	return ok
}

// passOver takes back a message that is not delivered after all. next calls it.
func (f *follower) passOver(s *follow, message int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := s.lag; l != nil && l.take(message, false) && l.pending(s.after) {
		f.enqueue(s)
	}
}
