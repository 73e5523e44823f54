package stompgw

import (
	"context"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// messages renders entries as MESSAGE frames.
type messages struct {
	bus     *bus.Bus
	baseURL string // that links of whole entries begin with, without a slash at the end
}

// tail returns everything of a MESSAGE that stands behind the headers which differ by subscription
// (subscription, destination, ack, redelivered): the other headers, the body, and what ends the frame. It is
// rendered once for each entry, version and shape; whole asks for the entry itself as the body.
// Callers begin with the command and their headers, which win over the sender's, and must not change the result.
func (m *messages) tail(ctx context.Context, e *bus.Entry, v stomp.Version, whole bool) []byte {
	panic("not built yet")
}
