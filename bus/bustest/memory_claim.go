package bustest

import (
	"cmp"
	"context"
	"slices"

	"atommq/bus"
)

// Leases implements bus.Claims.
func (m *Memory) Leases(ctx context.Context, limit int) ([]bus.Lease, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var list []bus.Lease
	for _, q := range m.queues {
		for _, w := range q.all {
			if !w.deadline.IsZero() {
				list = append(list, bus.Lease{Claim: w.Claim, QueueName: q.QueueName, Attempts: q.Attempts, Deadline: w.deadline})
			}
		}
	}
	slices.SortFunc(list, func(a, b bus.Lease) int {
		return cmp.Or(a.Deadline.Compare(b.Deadline), cmp.Compare(a.Queue, b.Queue), comparePlaces(a.Place, b.Place))
	})
	return list[:min(limit, len(list))], nil
}

// LeaseSecret implements bus.Claims.
func (m *Memory) LeaseSecret(ctx context.Context) ([]byte, error) {
	return []byte("0123456789abcdef0123456789abcdef"), context.Cause(ctx)
}

// Backlog implements bus.Claims.
func (m *Memory) Backlog(ctx context.Context, queue int64) (b bus.Backlog, err error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return b, err
	}
	q := m.queues[queue]
	if q == nil {
		return b, nil
	}
	b.Claimed = int64(len(q.all) - len(q.ready))
	oldest := int64(0)
	for _, w := range q.ready {
		if oldest == 0 || w.ID < oldest {
			oldest, b.Oldest = w.ID, w.entry.Edited
		}
	}
	return b, nil
}

// CountReady implements bus.Claims.
func (m *Memory) CountReady(ctx context.Context, queue, upTo int64) (n int64, err error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return 0, err
	}
	if q := m.queues[queue]; q != nil {
		for _, w := range q.ready {
			if w.ID <= upTo {
				n++
			}
		}
	}
	return n, nil
}

func (m *Memory) purge(p *bus.Purge) error {
	if err := m.asSeen(p); err != nil {
		return err
	}
	p.Removed, p.Last = 0, p.After
	q := m.queues[p.Queue]
	if q == nil {
		return nil
	}
	for _, w := range slices.Clone(q.ready) {
		if p.Removed < p.Count && w.ID <= p.UpTo && comparePlaces(w.Place, p.After) > 0 {
			q.acked(w)
			p.Removed++
			p.Last = w.Place
		}
	}
	return nil
}

// asSeen returns why the queue of p is not as it was seen.
func (m *Memory) asSeen(p *bus.Purge) error {
	if p.If != nil && (p.If.ID != p.Queue || !m.queueNow(p.If.Feed, p.If.Name).IsAs(p.If)) {
		return bus.ErrChanged
	}
	if q := m.queues[p.Queue]; p.Waiting != nil && (q == nil || int64(len(q.all)) != *p.Waiting) {
		return bus.ErrCount
	}
	return nil
}

func (m *Memory) dropQueue(p *bus.Purge) error {
	q := m.queues[p.Queue]
	if q == nil {
		return bus.ErrNoQueue
	}
	if err := m.asSeen(p); err != nil {
		return err
	}
	for _, w := range slices.Clone(q.all) {
		if p.UpTo == 0 || w.ID <= p.UpTo {
			q.acked(w)
		}
	}
	if len(q.all) == 0 {
		q.feed.queues = slices.DeleteFunc(q.feed.queues, func(other *memoryQueue) bool { return other == q })
		delete(m.queues, p.Queue)
	}
	return nil
}

func (m *Memory) requeue(op *bus.Op) error {
	if m.work(&op.Settle[0]) != nil && !m.roomForQueues(op.Posts) {
		return bus.ErrManyQueues
	}
	letter := m.uuidAt(op.Settle[0].ID)
	if !m.settle(&op.Settle[0], op.At) {
		return nil
	}
	p, round := &op.Posts[0], int64(0)
	f := m.ensure(p.Entry.Feed, op.At)
	q := m.ensureQueue(f, p.Queue, op.At)
	i := slices.IndexFunc(f.entries, func(e *bus.Entry) bool {
		return e.UUID == op.Again.UUID || op.Again.UUID == "" && e.ID == op.Again.ID
	})
	if i >= 0 && !f.entries[i].Deleted {
		p.Entry, p.Replayed, round = f.entries[i], true, op.Settle[0].ID
		for _, other := range f.queues {
			j := slices.IndexFunc(other.all, func(w *memoryWork) bool { return w.ID == f.entries[i].ID })
			if j >= 0 && other == q {
				return nil
			}
			if j >= 0 {
				again := *p
				again.Rank = other.all[j].Rank
				p = &again // the op keeps what it said
			}
		}
	} else {
		if !f.decided {
			f.decided, f.UntilAcked = true, true
		}
		m.append(p.Entry, op.At)
		m.share(letter, p.Entry)
	}
	q.add(p, round)
	return nil
}
