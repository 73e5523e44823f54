package bus

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// ConsumerConfig says what a consumer wants.
type ConsumerConfig struct {
	Feed, Queue string
	Prefetch    int           // deliveries that it holds at once, 1 to 1,000,000
	AckTimeout  time.Duration // of deliveries whose message names none; 0 for the queue's
	Name        string        // of the consumer, for dead letters
	// Ready is called when Take has something to give, and not again before Take was called, likewise
	// for Lost, and when the consumer was robbed or has ended: from any goroutine, with no lock that
	// Take needs. It must not block.
	Ready func()
}

// Consumer takes work from a queue, in competition with the others of all nodes. Its methods may be
// called from any goroutine. There may be a million: it is small.
type Consumer struct {
	queue      *workQueue
	prev, next *Consumer // in the ring of the queue's consumers
	ready      func()
	name       string
	limit      time.Duration // its ack timeout, 0 for the queue's
	held       deliveryList
	untaken    *Delivery // the first of those held that was not taken; the rest of them follow it
	late       *Delivery // the last of those that Lost is to tell of; the rest of them follow it
	credit     int32     // deliveries that it may still be handed
	notified   bool      // ready was called, and Take not since
	fate       atomic.Uint32
	closed     bool
}

// What may become of a consumer, as bits of its fate.
const (
	fateRobbed   uint32 = 1 << iota
	fateHomeless        // its queue was dropped, and its feed has no room for another
	fateLate            // Lost has something to tell
)

const maxPrefetch = 1_000_000

// Consume adds a consumer to a queue, which it makes if there is none. Close ends it.
// Errors: those of feeds.CheckName, for the queue's name too; ErrManyQueues; ErrClosed; the store's.
func (b *Bus) Consume(ctx context.Context, c ConsumerConfig) (*Consumer, error) {
	if b.isClosing() {
		return nil, ErrClosed
	}
	if err := checkNames(c.Feed, c.Queue); err != nil {
		return nil, err
	}
	if err := b.desk.join(ctx); err != nil {
		return nil, fmt.Errorf("consume %q: %w", c.Feed, err)
	}
	q, err := b.openQueue(ctx, QueueName{c.Feed, c.Queue})
	if err != nil {
		return nil, fmt.Errorf("consume %q: %w", c.Feed, err)
	}
	k := &Consumer{ready: c.Ready, name: c.Name, limit: c.AckTimeout, credit: int32(min(max(c.Prefetch, 1), maxPrefetch))}
	if b.desk.enter(k, c.Feed, q) {
		b.intake.call()
	}
	return k, nil
}

// Take appends to into at most limit deliveries, in order, that were handed to c and not yet taken.
// Their ack timeouts begin. What is not taken for as long as that, a minute at least, goes to others.
func (c *Consumer) Take(into []*Delivery, limit int) []*Delivery {
	d := c.queue.desk()
	d.mu.Lock()
	first := len(into)
	for c.untaken != nil && len(into)-first < limit {
		into = append(into, c.untaken)
		c.untaken = c.untaken.next
	}
	sooner := d.startTimers(into[first:])
	again := c.untaken != nil
	c.notified = again
	d.mu.Unlock()
	if sooner {
		d.signal()
	}
	if again {
		c.ready()
	}
	return into
}

// skip passes over e, which c has not taken and is about to lose. Callers hold the desk's lock.
func (c *Consumer) skip(e *Delivery) {
	if c.untaken == e {
		c.untaken = e.next
	}
}

// HasLost reports whether Lost has something to tell.
func (c *Consumer) HasLost() bool { return c.fate.Load()&fateLate != 0 }

// Lost appends to into the deliveries that c took and has lost to their ack timeouts since it was
// called last, in any order. Settling them fails with ErrClaimLost.
func (c *Consumer) Lost(into []*Delivery) []*Delivery {
	d := c.queue.desk()
	d.mu.Lock()
	defer d.mu.Unlock()
	for c.late != nil {
		e := c.late
		c.late, e.next = e.next, nil
		into = append(into, e)
	}
	c.fate.And(^fateLate)
	return into
}

// miss notes that c has lost e to its ack timeout, and reports whether c is to be told. Callers
// hold the desk's lock.
func (c *Consumer) miss(e *Delivery) bool {
	first := c.late == nil
	e.next, c.late = c.late, e
	c.fate.Or(fateLate)
	return first
}

// Close ends c and gives back what it holds: what was not taken as if never handed out, the rest
// with its attempt counted, but never as a dead letter: a worker that is restarted is no fault of
// what it had not come to. It does not wait for that. It may be called again.
func (c *Consumer) Close() { c.Abandon(nil) }

// Abandon is Close for a consumer whose client broke off, likely while it was working on e: if c
// holds that, and it has used up its attempts, it becomes a dead letter.
func (c *Consumer) Abandon(e *Delivery) {
	b := c.queue.desk().bus
	b.desk.leave(c, e)
	b.release()
	b.intake.call()
}

// Load reads the entries of deliveries that have none. One whose entry is gone, deleted or edited
// since, keeps nil: ack it.
func (b *Bus) Load(ctx context.Context, ds []*Delivery) error {
	ids := make([]int64, 0, len(ds))
	for _, d := range ds {
		if d.Entry == nil {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	entries, err := b.fetch(ctx, ids)
	if err != nil {
		return fmt.Errorf("load deliveries: %w", err)
	}
	b.desk.mu.Lock() // whoever takes a delivery back may look
	defer b.desk.mu.Unlock()
	for _, d := range ds {
		if d.Entry == nil {
			d.Entry = entries[d.ID]
		}
	}
	return nil
}

// Untake notes that deliveries which were taken have come to nobody: once their consumer is closed,
// they go back as if never handed out.
func (b *Bus) Untake(ds []*Delivery) {
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	for _, d := range ds {
		d.taken = false
	}
}

// Unload lets go of the entries of deliveries, whose consumer needs them no more: a dead letter is
// made of what the store has.
func (b *Bus) Unload(ds []*Delivery) {
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	for _, d := range ds {
		if d.Entry != nil {
			d.Entry, d.unloaded = nil, true
		}
	}
}

func (b *Bus) fetch(ctx context.Context, ids []int64) (map[int64]*Entry, error) {
	list, err := b.store.Fetch(ctx, ids)
	if err != nil {
		return nil, err
	}
	entries := make(map[int64]*Entry, len(list))
	for _, e := range list {
		entries[e.ID] = e
	}
	return entries, nil
}

// Subscribers returns how many consumers a queue has on this node.
func (b *Bus) Subscribers(feed, queue string) int {
	d := b.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	if q := d.find(feed, queue); q != nil {
		return int(q.consumers)
	}
	return 0
}
