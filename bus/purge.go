package bus

import (
	"context"
	"fmt"
)

// purgeBatch is how much work one commit removes, so that publishers wait little behind it.
const purgeBatch = 1000

// Counted is what there is to purge, or to send back.
type Counted struct {
	Count int64 // entries that nobody has
	UpTo  int64 // among those with ids up to it
}

// CountReady counts the entries of a queue that nobody has, with ids up to upTo; 0 is for all there are now.
func (b *Bus) CountReady(ctx context.Context, name QueueName, upTo int64) (c Counted, err error) {
	q, err := b.Queue(ctx, name.Feed, name.Name)
	if err != nil {
		return c, err
	}
	return b.countReady(ctx, q, upTo)
}

func (b *Bus) countReady(ctx context.Context, q *Queue, upTo int64) (c Counted, err error) {
	if c.UpTo = upTo; upTo == 0 {
		if c.UpTo, err = b.store.Head(ctx); err != nil {
			return c, fmt.Errorf("count queue %q of %q: %w", q.Name, q.Feed, err)
		}
	}
	if c.Count, err = b.store.CountReady(ctx, q.ID, c.UpTo); err != nil {
		return c, fmt.Errorf("count queue %q of %q: %w", q.Name, q.Feed, err)
	}
	return c, nil
}

// Purge removes what CountReady has counted, in small commits, as if it were acked, and returns how
// much it removed, also when it failed half-way. What consumers have stays theirs. ErrCount, and
// nothing removed, when there is another number by now.
func (b *Bus) Purge(ctx context.Context, name QueueName, seen Counted) (removed int64, err error) {
	q, err := b.Queue(ctx, name.Feed, name.Name)
	if err != nil {
		return 0, err
	}
	now, err := b.countReady(ctx, q, seen.UpTo)
	if err != nil {
		return 0, err
	}
	if now.Count != seen.Count {
		return 0, fmt.Errorf("purge queue %q of %q: %w", q.Name, q.Feed, ErrCount)
	}
	return b.purge(ctx, now, Purge{Queue: q.ID}, q.QueueName)
}

// purge removes c from the queue that seen names, if it is as seen has it.
func (b *Bus) purge(ctx context.Context, c Counted, seen Purge, q QueueName) (removed int64, err error) {
	for after := (Place{}); removed < c.Count; {
		if ctx.Err() != nil {
			return removed, context.Cause(ctx)
		}
		p := seen
		p.UpTo, p.After, p.Count = c.UpTo, after, int(min(purgeBatch, c.Count-removed))
		t := &ticket{op: Op{Kind: OpPurge, Purge: &p, Order: Order{Feed: q.Feed}}}
		if err := b.commit(context.WithoutCancel(ctx), t); err != nil {
			return removed, fmt.Errorf("purge queue %q of %q: %w", q.Name, q.Feed, err)
		}
		removed += int64(p.Removed)
		seen = Purge{Queue: seen.Queue} // what held for the first holds for the rest
		if after = p.Last; p.Removed < p.Count {
			return removed, nil // consumers took the rest
		}
	}
	return removed, nil
}

// DropQueue removes a queue with its work, also what consumers have; the queue's Waiting must be
// waiting. Consumers that are still there make it anew, empty, if the feed has room for it. What is
// published while a drop of more than one commit is under way was not counted: it stays, in its
// queue. ErrCount, and nothing done, when another number waits; ErrChanged when the queue is not as
// seen, nil for any, but for what waits.
func (b *Bus) DropQueue(ctx context.Context, name QueueName, waiting int64, seen *Queue) error {
	head, err := b.store.Head(ctx) // before anything is counted
	if err != nil {
		return fmt.Errorf("drop queue %q of %q: %w", name.Name, name.Feed, err)
	}
	q, err := b.Queue(ctx, name.Feed, name.Name)
	if err != nil {
		return err
	}
	// Only the store knows what waits in the end. But who is sure to be refused need not wait for it.
	switch {
	case seen != nil && !q.IsAs(seen):
		return fmt.Errorf("drop queue %q of %q: %w", q.Name, q.Feed, ErrChanged)
	case q.Waiting != waiting:
		return fmt.Errorf("drop queue %q of %q: %w", q.Name, q.Feed, ErrCount)
	}
	p := Purge{Queue: q.ID, If: seen, Waiting: &waiting}
	if waiting > purgeBatch { // what is too much for one commit goes first
		removed, err := b.purge(ctx, Counted{Count: waiting, UpTo: head}, p, q.QueueName)
		if err != nil {
			return err
		}
		if removed > 0 { // else the queue would be left, without what waited
			p = Purge{Queue: q.ID, UpTo: head}
		}
	}
	t := &ticket{op: Op{Kind: OpDropQueue, Purge: &p, Order: Order{Feed: q.Feed}}}
	if err := b.commit(context.WithoutCancel(ctx), t); err != nil {
		return fmt.Errorf("drop queue %q of %q: %w", q.Name, q.Feed, err)
	}
	b.hub.forget(q.Feed)
	b.desk.disown(q.ID)
	return nil
}

// disown takes note that a queue is gone: its consumers begin anew.
func (d *desk) disown(queue int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for w := range d.queues.all() {
		if w.id == queue {
			d.beginAnew(w)
		}
	}
}

// evict ends the consumers of a queue that is gone, and has no room to be made anew: it would have
// to be tried for ever, and they would wait in vain.
func (d *desk) evict(name QueueName) {
	d.mu.Lock()
	var evicted []*Consumer
	if w := d.find(name.Feed, name.Name); w != nil && w.id == 0 {
		for c, n := w.turn, w.consumers; n > 0; c, n = c.next, n-1 {
			c.fate.Or(fateHomeless)
			c.notified = true
			evicted = append(evicted, c)
		}
	}
	d.mu.Unlock()
	tell(evicted)
}

// Err returns why c is handed nothing any more: ErrManyQueues when its queue was dropped, and its
// feed got MostQueues others before it could be made anew. Ready is called when it happens. nil
// while c goes on.
func (c *Consumer) Err() error {
	if c.fate.Load()&fateHomeless != 0 {
		return ErrManyQueues
	}
	return nil
}

// Backlog returns how it stands with a queue's work.
func (b *Bus) Backlog(ctx context.Context, q *Queue) (Backlog, error) {
	l, err := b.store.Backlog(ctx, q.ID)
	if err != nil {
		return l, fmt.Errorf("backlog of queue %q of %q: %w", q.Name, q.Feed, err)
	}
	return l, nil
}
