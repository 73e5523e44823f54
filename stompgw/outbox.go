package stompgw

import "atommq/bus"

// The bounds of an outbox. What is stored may wait for room on the log; what is not has some more.
const (
	outboxItems    = 4096
	outboxBytes    = 1 << 20 // of entries, which outboxes share; an entry beyond it is taken if it is alone
	transientItems = 1024
)

// item is an entry for a follow.
type item struct {
	entry  *bus.Entry
	follow *follow
}

// outbox is what waits for a connection's writer.
type outbox struct {
	items []item
	bytes int
	swaps uint64 // how often the writer took everything
}

// keptItems is how many items' room an idle connection keeps.
const keptItems = 32

// fits reports whether there is room for one more stored entry.
func (o *outbox) fits() bool { return len(o.items) < outboxItems && o.bytes < outboxBytes }

// fitsTransient does so for one that is not stored.
func (o *outbox) fitsTransient() bool {
	return len(o.items) < outboxItems+transientItems && o.bytes < outboxBytes+outboxBytes/4
}

func (o *outbox) push(i item, size int) {
	o.items = append(o.items, i)
	o.bytes += size
}

// swap returns everything, and goes on with the memory of spare.
func (o *outbox) swap(spare []item) []item {
	items := o.items
	o.items, o.bytes = spare[:0], 0
	o.swaps++
	return items
}

// drop lets go of all it holds.
func (o *outbox) drop() { o.items, o.bytes = nil, 0 }

// trim lets go of memory that an idle connection need not keep.
func (o *outbox) trim() {
	if cap(o.items) > keptItems {
		o.items = nil
	}
}
