package stompgw

import (
	"bytes"
	"context"
	"strconv"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// parseAckMode takes the ack header of SUBSCRIBE.
func parseAckMode(f *stomp.Frame, v stomp.Version) (ackMode, error) {
	value, found := f.Get("ack")
	switch {
	case !found, string(value) == "auto":
		return ackAuto, nil
	case string(value) == "client":
		return ackCumulative, nil
	case string(value) == "client-individual":
		return ackIndividual, nil
	}
	return 0, faultf("use ack:auto, ack:client or ack:client-individual", "ack mode %s is none of STOMP %s", quote(value), v)
}

// handleAck takes ACK and NACK.
func (c *conn) handleAck(ctx context.Context, f *stomp.Frame, r receipt, refuse bool) error {
	if refuse && c.version < stomp.V11 {
		return faultf("let its ack timeout pass, or speak STOMP 1.1 or 1.2", "NACK is no command of STOMP 1.0")
	}
	t, err := c.transactionOf(f)
	if err != nil {
		return err
	}
	a, err := c.parseAck(f)
	if err != nil {
		return err
	}
	hs, err := c.claim(a)
	switch {
	case err != nil:
		return err
	case len(hs) == 0 && c.ackTopic(a):
		return c.confirm(ctx, r)
	case len(hs) == 0:
		return c.ackLost(ctx, t, a, r)
	case t != nil:
		return c.ackLater(ctx, t, hs, r, refuse)
	}
	c.settleHeld(ctx, hs, r, refuse)
	return nil
}

// ackFrame is what an ACK or NACK names.
type ackFrame struct {
	value        []byte // of id, from 1.2 on, or message-id
	subscription []byte // id; 1.0 and 1.1
	key          int64  // of a delivery; 0 for a value that is none's
}

func (c *conn) parseAck(f *stomp.Frame) (a ackFrame, err error) {
	var found bool
	if c.version >= stomp.V12 {
		if a.value, found = f.Get("id"); !found {
			return a, faultf("send the value of the MESSAGE's ack header as id; if it has none, its subscription is ack:auto, and there is nothing to acknowledge", "%s without id", f.Command)
		}
		if number, ok := bytes.CutPrefix(a.value, []byte(ackPrefix)); ok {
			a.key, _ = strconv.ParseInt(string(number), 10, 64)
		}
		return a, nil
	}
	if a.value, found = f.Get("message-id"); !found {
		return a, faultf("send the MESSAGE's message-id", "%s without message-id", f.Command)
	}
	if a.subscription, found = f.Get("subscription"); !found && c.version >= stomp.V11 {
		return a, faultf("send the MESSAGE's subscription too", "%s without subscription", f.Command)
	}
	a.key, _ = strconv.ParseInt(string(a.value), 10, 64)
	return a, nil
}

// claim returns what an ACK or NACK settles, none if that is nothing held, and makes it busy.
func (c *conn) claim(a ackFrame) ([]*held, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.held[a.key]
	for h != nil && (h.busy || len(a.subscription) > 0 && h.of.id() != string(a.subscription)) {
		h = h.same
	}
	if h == nil {
		return nil, nil
	}
	if h.of.mode == ackIndividual {
		h.busy = true
		return []*held{h}, nil
	}
	first := h.first()
	if first == h {
		return cumulate(h), nil
	}
	h.busy = true
	return append(cumulate(first.prev), h), nil
}

// first returns the first delivery of the message of h to its subscription that is remembered. In 1.0
// and 1.1 an ACK names the message: its client may have sent it for this one, whose ack timeout has
// passed meanwhile, and not have come to what was delivered before the message came again.
func (h *held) first() *held {
	first := h
	for e := h.same; e != nil; e = e.same {
		if e.of == h.of {
			first = e
		}
	}
	return first
}

// cumulate makes h and what its subscription delivered before it busy, and returns them in order: none
// for nil.
func cumulate(h *held) []*held {
	n := 0
	for e := h; e != nil; e = e.prev {
		if !e.busy {
			n++
		}
	}
	hs := make([]*held, n)
	for e := h; e != nil; e = e.prev {
		if !e.busy {
			n--
			hs[n] = e
			e.busy = true
		}
	}
	return hs
}

// ackTopic passes on the acknowledgement of a topic's message.
func (c *conn) ackTopic(a ackFrame) bool {
	if c.version >= stomp.V12 {
		return c.topics.ack(a.value)
	}
	return c.topics.ackMessage(a.subscription, a.value)
}

// topicGave reports whether the client may have been given what a names by a topic.
func (c *conn) topicGave(a ackFrame) bool {
	if c.version >= stomp.V12 {
		message, _, ok := parseAckValue(a.value)
		return ok && c.topics.gave(message)
	}
	return c.topics.gave(parseMessageID(a.value))
}

// ackLost answers an acknowledgement of what the client does not hold. If it did once, only those
// who want to know are told: a claim may be lost while its ACK is on its way.
func (c *conn) ackLost(ctx context.Context, t *transaction, a ackFrame, r receipt) error {
	why, delivered := c.notHeld(a)
	switch {
	case !delivered:
		return why
	case t != nil:
		t.spoilt = why
	case r.wanted:
		return why
	}
	return c.confirm(ctx, r)
}

// notHeld returns why there is nothing that an ACK settles, and whether the client was given what it names.
func (c *conn) notHeld(a ackFrame) (why error, delivered bool) {
	c.mu.Lock()
	newest := c.highest
	if c.version >= stomp.V12 {
		newest = c.last
	}
	c.mu.Unlock()
	delivered = 0 < a.key && a.key <= newest || c.topicGave(a)
	_, err := strconv.ParseUint(string(a.value), 10, 63)
	switch {
	case c.acksItself(a.subscription):
		return faultf("leave ACK and NACK out, or subscribe with ack:client-individual", "subscription %s is ack:auto: there is nothing to acknowledge", quote(a.subscription)), delivered
	case delivered:
		return bus.ErrClaimLost, true
	case c.version >= stomp.V12 && err == nil:
		return faultf("send the value of the MESSAGE's ack header as id; if it has none, its subscription is ack:auto, and there is nothing to acknowledge",
			"id %s is a message-id", quote(a.value)), false
	}
	return faultf("acknowledge what this connection was given, with the value of its MESSAGE", "no message %s was delivered here", quote(a.value)), false
}

// acksItself reports whether the subscription with this id is ack:auto.
func (c *conn) acksItself(id []byte) bool {
	if len(id) == 0 { // 1.0 and 1.2 name none
		return false
	}
	if q := c.queues.get(string(id)); q != nil {
		return q.mode == ackAuto
	}
	f := c.follow(string(id))
	return f != nil && !f.is(isAcked)
}

// settlementSize is what a settlement counts with among what is pending.
const settlementSize = 64

// settleLimit bounds the settlements of one operation: a cumulative ACK may be of more than a commit takes.
const settleLimit = 1000

// nackBytes bounds the length of the messages that one operation gives back: those that have used
// up their attempts become dead letters, and are in memory together until they are written.
const nackBytes = 4 << 20

// settleHeld collects the settlement of hs.
func (c *conn) settleHeld(ctx context.Context, hs []*held, r receipt, refuse bool) {
	if c.joinLast(hs, r, refuse) {
		return
	}
	var t *tally
	if r.wanted && len(hs) > 1 {
		t = &tally{receipt: r, refuse: refuse, all: len(hs), left: parts(hs, refuse)}
		r = receipt{} // which t gives, once all is decided
	}
	for len(hs) > 0 {
		n := atOnce(hs, refuse)
		o := &operation{receipt: r, size: frameOverhead, tally: t}
		o.settle(hs[:n], refuse)
		hs = hs[n:]
		c.add(ctx, o)
	}
}

// atOnce returns how many of hs, at least one, one operation settles.
func atOnce(hs []*held, refuse bool) int {
	most := min(len(hs), settleLimit)
	if !refuse {
		return most
	}
	var bytes int64
	for i, h := range hs[:most] {
		if bytes += h.Bytes; bytes > nackBytes && i > 0 {
			return i
		}
	}
	return most
}

// parts returns how many operations settle hs.
func parts(hs []*held, refuse bool) (n int) {
	for ; len(hs) > 0; n++ {
		hs = hs[atOnce(hs, refuse):]
	}
	return n
}

// joinLast adds hs to the operation collected last, if that is alike and nobody waits for either:
// one operation for many ACKs costs the bus less than one for each. Should one of them be lost,
// each is settled on its own.
func (c *conn) joinLast(hs []*held, r receipt, refuse bool) bool {
	o := c.group.last
	if o == nil || o.held == nil || o.whole || o.isAwaited() || r.wanted ||
		(len(o.Nacks) > 0) != refuse || len(o.held)+len(hs) > settleLimit {
		return false
	}
	if refuse && o.nacked+length(hs) > nackBytes {
		return false
	}
	c.group.bytes += len(hs) * settlementSize
	o.settle(hs, refuse)
	return true
}

// length returns how many bytes the messages of hs have together.
func length(hs []*held) (bytes int64) {
	for _, h := range hs {
		bytes += h.Bytes
	}
	return bytes
}

// settle adds the settlement of hs to o.
func (o *operation) settle(hs []*held, refuse bool) {
	o.held = append(o.held, hs...)
	o.size += len(hs) * settlementSize
	for _, h := range hs {
		if refuse {
			o.Nacks = append(o.Nacks, h.Delivery)
			o.nacked += h.Bytes
		} else {
			o.Acks = append(o.Acks, h.Delivery)
		}
	}
}

// confirm answers a frame that asks nothing of the bus, after those before it.
func (c *conn) confirm(ctx context.Context, r receipt) error {
	if !r.wanted {
		return nil
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	c.answer(r)
	return nil
}
