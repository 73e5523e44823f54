package bus

import "time"

// Delivery is an entry handed to a consumer. It is settled once, by a Transaction or by the
// consumer's Close; or its ack timeout passes, and settling it fails with ErrClaimLost.
type Delivery struct {
	Claim
	// Entry is nil until Bus.Load when it was not in memory, and from Bus.Unload on.
	Entry *Entry
	Feed  string
	Mark  int64 // the consumer's own: the bus does not look at it

	queue      *workQueue
	consumer   *Consumer // nil when nobody could be found
	state      deliveryState
	taken      bool
	unloaded   bool   // its entry was loaded once
	reloads    uint8  // how often it could not be loaded again, for a dead letter
	cause      string // why it was taken from its consumer, for dead letters; "" for no fault
	timer      int32  // its index in the heap of deadlines, plus 1; 0 for none
	deadline   int64  // in microseconds since 1970
	prev, next *Delivery
}

type deliveryState uint8

const (
	deliveryHeld      deliveryState = iota
	deliverySettling                // by a transaction that is under way
	deliveryGone                    // settled, lost, or given up and to be released
	deliveryReleasing               // given up, and released by the commit under way
	deliveryLeased                  // nobody's here: a lease that is settled
)

// deliveryList links the deliveries that a consumer holds, in the order handed out.
type deliveryList struct{ first, last *Delivery }

func (l *deliveryList) add(d *Delivery) {
	d.prev = l.last
	if l.last == nil {
		l.first = d
	} else {
		l.last.next = d
	}
	l.last = d
}

func (l *deliveryList) remove(d *Delivery) {
	if d.prev == nil {
		l.first = d.next
	} else {
		d.prev.next = d.next
	}
	if d.next == nil {
		l.last = d.prev
	} else {
		d.next.prev = d.prev
	}
	d.prev, d.next = nil, nil
}

// deadlines is a heap of deliveries, the first to time out first. Each knows its index, so
// that one that is settled in time, as nearly all are, is taken out.
type deadlines []*Delivery

func (h deadlines) Len() int           { return len(h) }
func (h deadlines) Less(i, j int) bool { return h[i].deadline < h[j].deadline }
func (h deadlines) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].timer, h[j].timer = int32(i+1), int32(j+1)
}

func (h *deadlines) Push(x any) {
	d := x.(*Delivery)
	*h = append(*h, d)
	d.timer = int32(len(*h))
}

func (h *deadlines) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	d.timer = 0
	return d
}

// timeout is how long a consumer may take for d: what the message says, else the
// consumer, else the queue. 0 is for ever.
func (d *Delivery) timeout(c *Consumer, q *workQueue) time.Duration {
	switch {
	case d.AckTimeout > 0:
		return d.AckTimeout
	case c.limit > 0:
		return c.limit
	}
	return q.kind.Load().ackTimeout
}
