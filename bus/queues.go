package bus

import (
	"context"
	"errors"
	"fmt"

	"atommq/feeds"
)

// Queue returns a queue as it is now: ErrNoQueue if there is none.
func (b *Bus) Queue(ctx context.Context, feed, queue string) (*Queue, error) {
	q, err := b.store.Queue(ctx, feed, queue)
	if err != nil {
		return nil, fmt.Errorf("queue %q of %q: %w", queue, feed, err)
	}
	return q, nil
}

// Queues returns at most limit queues in bytewise order of feed and name, the first ones after the
// one that after names.
func (b *Bus) Queues(ctx context.Context, after QueueName, limit int) ([]*Queue, error) {
	list, err := b.store.Queues(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list queues: %w", err)
	}
	return list, nil
}

// openQueue returns a queue, which it makes if there is none.
func (b *Bus) openQueue(ctx context.Context, name QueueName) (*Queue, error) {
	if err := checkNames(name.Feed, name.Name); err != nil {
		return nil, err
	}
	q, err := b.store.Queue(ctx, name.Feed, name.Name)
	if errors.Is(err, ErrNoQueue) {
		return b.begin(ctx, name)
	}
	return q, err
}

// begin makes a queue, in a commit that it shares with others.
func (b *Bus) begin(ctx context.Context, name QueueName) (*Queue, error) {
	q := &Queue{QueueName: name}
	if err := b.commit(ctx, &ticket{op: Op{Kind: OpOpen, Open: q}}); err != nil {
		return nil, err
	}
	b.hub.forget(name.Feed)
	return q, nil
}

func checkNames(feed, queue string) error {
	if err := feeds.CheckName(feed); err != nil {
		return err
	}
	if err := feeds.CheckName(queue); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// ConfigureQueue changes a queue's settings, making the queue and its feed if there are none. They
// hold at once for the consumers on this node, and within seconds for those on others. ErrChanged,
// and nothing done, when the queue is not as s.If is; a *SettingError for a setting out of range;
// ErrManyQueues when the feed has MostQueues others.
func (b *Bus) ConfigureQueue(ctx context.Context, feed, queue string, s QueueSettings) (*Queue, error) {
	if err := checkNames(feed, queue); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("configure queue %q of %q: %w", queue, feed, err)
	}
	q, err := b.store.ConfigureQueue(ctx, feed, queue, s)
	if err != nil {
		return nil, fmt.Errorf("configure queue %q of %q: %w", queue, feed, err)
	}
	b.hub.forget(feed)
	b.desk.adopt(q)
	b.intake.call()
	return q, nil
}

// Browse returns entries of a queue that were not acked, in the order of claims, after a place (the
// zero Place is the beginning), without handing them out; and the place to go on from. There are at
// most limit, and none more once the XML passes bytes, so that the first always is. No entries: that
// was all. ErrNoQueue if there is no such queue.
func (b *Bus) Browse(ctx context.Context, feed, queue string, after Place, limit, bytes int) ([]*Entry, Place, error) {
	q, err := b.Queue(ctx, feed, queue)
	if err != nil {
		return nil, after, err
	}
	for {
		places, err := b.store.Waiting(ctx, q.ID, after, limit, int64(bytes))
		if err != nil {
			return nil, after, fmt.Errorf("browse queue %q of %q: %w", queue, feed, err)
		}
		if len(places) == 0 {
			return nil, after, nil
		}
		entries, err := b.inOrder(ctx, places)
		if err != nil {
			return nil, after, fmt.Errorf("browse queue %q of %q: %w", queue, feed, err)
		}
		after = places[len(places)-1]
		if len(entries) > 0 { // else all of them were acked between the two looks
			return entries, after, nil
		}
	}
}

// Waits reports whether something stands in a queue behind a place.
func (b *Bus) Waits(ctx context.Context, feed, queue string, after Place) (bool, error) {
	q, err := b.Queue(ctx, feed, queue)
	if err != nil {
		return false, err
	}
	places, err := b.store.Waiting(ctx, q.ID, after, 1, 0)
	if err != nil {
		return false, fmt.Errorf("browse queue %q of %q: %w", queue, feed, err)
	}
	return len(places) > 0, nil
}

// inOrder reads the entries that stand in places, without those that are gone.
func (b *Bus) inOrder(ctx context.Context, places []Place) ([]*Entry, error) {
	ids := make([]int64, len(places))
	for i, p := range places {
		ids[i] = p.ID
	}
	found, err := b.fetch(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]*Entry, 0, len(places))
	for _, p := range places {
		if e := found[p.ID]; e != nil {
			list = append(list, e)
		}
	}
	return list, nil
}

// adopt takes over what is known of a queue.
func (d *desk) adopt(q *Queue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.find(q.Feed, q.Name); w != nil {
		if w.id != q.ID || !q.Paused {
			w.id = q.ID
			d.stir(w) // it may have been paused
		}
		w.kind.Store(d.kindOf(q))
	}
}
