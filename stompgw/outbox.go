package stompgw

import (
	"iter"
	"sync"

	"atommq/bus"
)

// The bounds of an outbox. What is stored may wait for room on the log; what is not has some more.
const (
	outboxEntries    = 4096
	outboxBytes      = 1 << 20 // of entries, which outboxes share; an entry beyond it is taken if it is alone
	transientEntries = 1024
)

// item is entries of one commit, or of one page of the log, for a follow. Connections share the slice.
type item struct {
	entries []*bus.Entry
	follow  *follow
}

// outbox is what waits for a connection's writer.
type outbox struct {
	items   items
	entries int // in items
	bytes   int
	swaps   uint64 // how often the writer took everything
}

// fit returns how many of entries there is room for.
func (o *outbox) fit(entries []*bus.Entry) (n, bytes int) {
	for n < len(entries) && o.entries+n < outboxEntries && o.bytes+bytes < outboxBytes {
		bytes += len(entries[n].XML)
		n++
	}
	return n, bytes
}

// fitsTransient reports whether there is room for an entry that is not stored.
func (o *outbox) fitsTransient() bool {
	return o.entries < outboxEntries+transientEntries && o.bytes < outboxBytes+outboxBytes/4
}

func (o *outbox) push(i item, bytes int) {
	o.items.push(i)
	o.entries += len(i.entries)
	o.bytes += bytes
}

// swap returns everything, and goes on empty.
func (o *outbox) swap() items {
	all := o.items
	o.drop()
	o.swaps++
	return all
}

// drop lets go of all it holds.
func (o *outbox) drop() { o.items, o.entries, o.bytes = items{}, 0, 0 }

// items is a list in pieces, which come from a pool: so a long one is not copied as it grows, and a
// connection that has nothing to deliver keeps no memory for it.
type items struct{ first, last *piece }

// piece is some items of a list, of a kilobyte together.
type piece struct {
	next *piece
	from uint16 // items before it were taken
	to   uint16 // items from it on are free
	item [31]item
}

var pieces = sync.Pool{New: func() any { return new(piece) }}

func (l *items) empty() bool { return l.first == nil }

func (l *items) push(i item) {
	switch p := l.last; {
	case p == nil:
		l.last = pieces.Get().(*piece)
		l.first = l.last
	case int(p.to) == len(p.item):
		l.last = pieces.Get().(*piece)
		p.next = l.last
	}
	l.last.item[l.last.to] = i
	l.last.to++
}

// head returns the first item. The list has one.
func (l *items) head() *item { return &l.first.item[l.first.from] }

// pop takes the first item out.
func (l *items) pop() {
	p := l.first
	if p.from++; p.from < p.to {
		return
	}
	if l.first = p.next; l.first == nil {
		l.last = nil
	}
	clear(p.item[:p.to])
	p.next, p.from, p.to = nil, 0, 0
	pieces.Put(p)
}

// all yields the items, in order.
func (l *items) all() iter.Seq[*item] {
	return func(yield func(*item) bool) {
		for p := l.first; p != nil; p = p.next {
			for i := range p.item[p.from:p.to] {
				if !yield(&p.item[int(p.from)+i]) {
					return
				}
			}
		}
	}
}

// forget empties the items of follows that have gone.
func (l *items) forget() {
	for i := range l.all() {
		if i.follow.gone {
			i.entries = nil
		}
	}
}
