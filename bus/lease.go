package bus

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// LeaseConfig says what work is wanted by lease.
type LeaseConfig struct {
	Feed, Queue string
	Count       int           // entries at most, 1 to MaxLeases
	AckTimeout  time.Duration // of entries whose publisher named none; 0 for the queue's
	Wait        time.Duration // for the first entry, where nothing waits; 0 for not at all
	// Room, whenever entries are about to be handed out, takes memory for them, and says how many
	// bytes of XML they may have: none is added once those before pass that, so that the first
	// always is. Lease fails with its error. Spare gives that back where no entries are handed out.
	// nil is for Config.PageBytes.
	Room  func() (int, error)
	Spare func()
}

// within calls hand with the bytes that there is room for, and gives the room back if it returns nothing.
func (c *LeaseConfig) within(hand func(bytes int64) ([]LeasedEntry, error)) ([]LeasedEntry, error) {
	bytes, err := c.Room()
	if err != nil {
		return nil, err
	}
	list, err := hand(int64(bytes))
	if len(list) == 0 {
		c.Spare()
	}
	return list, err
}

// MaxLeases is how many leases one call hands out or settles.
const MaxLeases = 1000

// LeasedEntry is an entry that was handed out by lease: until Deadline, and to whoever knows Token.
type LeasedEntry struct {
	Lease
	Entry *Entry
	Token string
}

// Lease hands out entries of a queue, which it makes if there is none, to a caller that need not
// come back to this node: any node settles a lease, it survives this one, and after its deadline
// the entry goes to somebody else. What waits is handed out at once. Where nothing does, the caller
// is one of the queue's consumers for as long as c.Wait says.
//
// When ctx ends before Lease returns, nothing is handed out.
func (b *Bus) Lease(ctx context.Context, c LeaseConfig) ([]LeasedEntry, error) {
	if b.isClosing() {
		return nil, ErrClosed
	}
	if c.Room == nil {
		c.Room, c.Spare = func() (int, error) { return b.config.PageBytes, nil }, func() {}
	}
	until := time.Now().Add(c.Wait)
	q, list, err := b.leaseFirst(ctx, c)
	if errors.Is(err, ErrNoQueue) { // it was dropped between the look for it and the claim
		q, list, err = b.leaseFirst(ctx, c)
	}
	for {
		if err == nil && len(list) > 0 {
			list, err = b.hand(ctx, list, &c)
		}
		if c.Wait = time.Until(until); err != nil || len(list) > 0 || c.Wait <= 0 {
			break
		}
		list, err = b.leaseNext(ctx, q, c)
	}
	if err != nil {
		return nil, fmt.Errorf("lease from queue %q of %q: %w", c.Queue, c.Feed, err)
	}
	return list, nil
}

// leaseFirst leases what waits in the queue, which it makes if there is none.
func (b *Bus) leaseFirst(ctx context.Context, c LeaseConfig) (q *Queue, list []LeasedEntry, err error) {
	if q, err = b.openQueue(ctx, QueueName{c.Feed, c.Queue}); err != nil {
		return nil, nil, err
	}
	list, err = c.within(func(bytes int64) ([]LeasedEntry, error) { return b.leaseReady(q, c, bytes) })
	return q, list, err
}

// timeout is how long leases last whose publisher named no ack timeout. There is always an end:
// nobody would notice that who holds one is gone.
func (c *LeaseConfig) timeout(q *Queue) time.Duration {
	switch {
	case c.AckTimeout > 0:
		return c.AckTimeout
	case q.AckTimeout > 0:
		return q.AckTimeout
	}
	return DefaultAckTimeout
}

// leaseReady leases what waits: one commit, whose outcome is always waited for.
func (b *Bus) leaseReady(q *Queue, c LeaseConfig, bytes int64) ([]LeasedEntry, error) {
	t := &ticket{op: Op{Kind: OpClaim, Order: Order{
		Node: LeaseNode, Queue: q.ID, Count: c.Count, Bytes: bytes, Lease: c.timeout(q), Feed: q.Feed,
	}}}
	if err := b.commit(context.Background(), t); err != nil {
		return nil, err
	}
	list := make([]LeasedEntry, len(t.op.Order.Claims))
	for i, claim := range t.op.Order.Claims {
		list[i].Lease = leaseUntil(q, claim, t.op.At.Add(t.op.Order.lasts(&claim)))
	}
	return list, nil
}

// lasts is how long a lease lasts.
func (o *Order) lasts(c *Claim) time.Duration {
	if c.AckTimeout > 0 {
		return c.AckTimeout
	}
	return o.Lease
}

func leaseUntil(q *Queue, c Claim, deadline time.Time) Lease {
	return Lease{Claim: c, QueueName: q.QueueName, Attempts: q.Attempts, Deadline: deadline}
}

// leaseNext waits, as one of the queue's consumers, for the next entries, and leases them.
func (b *Bus) leaseNext(ctx context.Context, q *Queue, c LeaseConfig) ([]LeasedEntry, error) {
	ready := make(chan struct{}, 1)
	consumer, err := b.Consume(ctx, ConsumerConfig{Feed: c.Feed, Queue: c.Queue, Prefetch: c.Count, Ready: func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	timer := time.NewTimer(c.Wait)
	defer timer.Stop()
	for {
		select {
		case <-ready:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-b.closing:
			return nil, ErrClosed
		}
		if err := consumer.Err(); err != nil {
			return nil, err
		}
		list, err := c.within(func(bytes int64) ([]LeasedEntry, error) { return b.leaseHeld(consumer, q, c, bytes) })
		if err != nil || len(list) > 0 {
			return list, err
		}
		consumer.remind()
	}
}

// remind calls c's Ready again while it holds what was not taken.
func (c *Consumer) remind() {
	d := c.queue.desk()
	d.mu.Lock()
	again := c.untaken != nil
	d.mu.Unlock()
	if again {
		c.ready()
	}
}

// leaseHeld makes leases of what consumer was handed, as far as bytes allow. It is handed nothing
// more, but for what turns out to be lost, unless that fails.
func (b *Bus) leaseHeld(consumer *Consumer, q *Queue, c LeaseConfig, bytes int64) ([]LeasedEntry, error) {
	done := make(waiter, 1)
	t := &ticket{op: Op{Kind: OpPublish}, owner: done}
	b.desk.leaseAll(consumer, t, c.timeout(q), bytes)
	if len(t.settles) == 0 {
		return nil, nil
	}
	if err := b.intake.append(t); err != nil {
		return nil, err // the bus is closed, and gives back what it has
	}
	b.lead()
	if err := <-done; errors.Is(err, ErrClaimLost) {
		return nil, nil // others took this node for dead: the consumer is handed work anew
	} else if err != nil {
		return nil, err
	}
	var list []LeasedEntry
	for i := range t.op.Settle {
		s := &t.op.Settle[i]
		if s.Lost { // it was edited or deleted meanwhile
			continue
		}
		claim := s.Claim
		claim.Node = LeaseNode
		list = append(list, LeasedEntry{Lease: leaseUntil(q, claim, t.op.At.Add(s.Lease)), Entry: t.settles[i].Entry})
	}
	return list, nil
}

// leaseAll has t make leases of what c holds, until that passes bytes, and takes c's credit. The
// rest goes back untaken when c is closed.
func (d *desk) leaseAll(c *Consumer, t *ticket, timeout time.Duration, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.notified = false
	e := c.untaken
	for size := int64(0); e != nil && size <= bytes; e = e.next {
		if e.state != deliveryHeld {
			continue
		}
		size += e.Bytes
		e.state = deliverySettling
		t.settle(e, Leased)
		lease := timeout
		if e.AckTimeout > 0 {
			lease = e.AckTimeout
		}
		t.op.Settle[len(t.op.Settle)-1].Lease = lease
	}
	c.untaken = e
	if len(t.settles) > 0 {
		c.queue.credit -= int64(c.credit)
		c.credit = 0
	}
}

// hand makes ready what was leased, unless the caller has left. Where all of it was edited or
// deleted meanwhile, it returns nothing, and gives the room back.
func (b *Bus) hand(ctx context.Context, list []LeasedEntry, c *LeaseConfig) ([]LeasedEntry, error) {
	for i := range list {
		b.lessor.note(list[i].Deadline)
	}
	list, err := b.loadLeased(ctx, list, c.AckTimeout)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		b.takeBack(list)
		return nil, err
	}
	if len(list) == 0 {
		c.Spare()
	}
	return list, nil
}

// loadLeased reads the entries, and seals the tokens. What is gone meanwhile is left out; its
// lease went with it.
func (b *Bus) loadLeased(ctx context.Context, list []LeasedEntry, asked time.Duration) ([]LeasedEntry, error) {
	seal, err := b.leaseSeal(ctx)
	if err != nil {
		return list, err
	}
	var missing []int64
	for i := range list {
		if list[i].Entry == nil {
			missing = append(missing, list[i].ID)
		}
	}
	found, err := b.fetch(ctx, missing)
	if err != nil {
		return list, fmt.Errorf("load: %w", err)
	}
	kept := list[:0]
	for _, e := range list {
		if e.Entry == nil {
			e.Entry = found[e.ID]
		}
		if e.Entry != nil {
			e.Token = seal.token(&e.Claim, asked)
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// takeBack gives back leases that nobody has heard of, as if they had not been handed out.
func (b *Bus) takeBack(list []LeasedEntry) {
	t := &ticket{op: Op{Kind: OpPublish}, owner: unattended{}}
	for i := range list {
		t.settleLease(&list[i].Lease, Returned)
	}
	// What cannot be given back now is when its deadline has passed.
	if len(list) > 0 && b.intake.append(t) == nil {
		b.intake.signal()
	}
}

// settleLease has t settle a lease.
func (t *ticket) settleLease(l *Lease, v Verdict) {
	t.settle(&Delivery{Claim: l.Claim, Feed: l.Feed, state: deliveryLeased}, v)
}
