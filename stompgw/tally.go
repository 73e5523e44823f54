package stompgw

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"atommq/bus"
)

// tally is what becomes of the messages that one ACK or NACK with a receipt settles together. Those
// that are held are settled, as without a receipt; of the others the client is told at the end. The
// committer has it, under conn.mu.
type tally struct {
	receipt receipt
	refuse  bool
	all     int     // messages
	left    int     // operations that are not decided
	lost    []int64 // ids of the messages that were not held any more
	failed  bool    // the client was told of another failure
}

// count takes the outcome of an operation, and what the client is to be told of that one. It reports
// whether the client is to be answered now, and with an ERROR if f is none.
func (t *tally) count(o *operation, told *fault) (f *fault, now bool) {
	t.left--
	if errors.Is(o.Err, bus.ErrClaimLost) && len(o.held) == 1 {
		t.lost = append(t.lost, o.held[0].ID)
	}
	switch {
	case t.failed:
		return nil, false
	case told != nil:
		t.failed = true
		return told, true
	case t.left > 0:
		return nil, false
	case len(t.lost) > 0:
		return t.fault(), true
	}
	return nil, true
}

// mostNamed bounds how many messages an ERROR names.
const mostNamed = 20

// fault names the messages that were not held.
func (t *tally) fault() *fault {
	var names []string
	for _, id := range t.lost[:min(len(t.lost), mostNamed)] {
		names = append(names, strconv.FormatInt(id, 10))
	}
	if more := len(t.lost) - mostNamed; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	done := "acknowledged"
	if t.refuse {
		done = "given back"
	}
	return faultf("the others are "+done+"; of these the ack timeout passed, or they were settled before: unless they were acknowledged, they go to another consumer: treat them as not done, acknowledge sooner, or subscribe with a longer ack-timeout",
		"of %d messages, these were no longer held, by message-id: %s", t.all, strings.Join(names, ", "))
}
