package bustest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"atommq/bus"
)

type memoryQueue struct {
	bus.Queue
	feed  *memoryFeed
	all   lineup // what was not acked
	ready lineup // those of it that nobody has

	stirred int64 // the count of releases at its last one
}

// memoryWork is an entry in a queue. Its Node is 0 while nobody has it, and its Attempt the
// number of those that count so far.
type memoryWork struct {
	bus.Claim
	deadline time.Time // of a lease
	entry    *bus.Entry
}

// lineup is work in the order of claims.
type lineup []*memoryWork

func (l lineup) find(p bus.Place) (int, bool) {
	return slices.BinarySearchFunc(l, p, func(w *memoryWork, p bus.Place) int { return comparePlaces(w.Place, p) })
}

func comparePlaces(a, b bus.Place) int {
	return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.ID, b.ID))
}

func (l *lineup) insert(w *memoryWork) {
	i, _ := l.find(w.Place)
	*l = slices.Insert(*l, i, w)
}

func (l *lineup) remove(w *memoryWork) {
	if i, ok := l.find(w.Place); ok {
		*l = slices.Delete(*l, i, i+1)
	}
}

// add makes work of what was posted, in such a round.
func (q *memoryQueue) add(p *bus.Posting, round int64) {
	w := &memoryWork{entry: p.Entry, Claim: bus.Claim{
		Place:      bus.Place{Rank: p.Rank, ID: p.Entry.ID},
		Queue:      q.ID,
		Round:      round,
		Bytes:      int64(len(p.Entry.XML)),
		AckTimeout: p.AckTimeout,
		Expires:    p.Expires,
	}}
	q.all.insert(w)
	q.ready.insert(w)
}

// renew makes the work on the entry that had the id old work on e.
func (q *memoryQueue) renew(old int64, e *bus.Entry) {
	i := slices.IndexFunc(q.all, func(w *memoryWork) bool { return w.ID == old })
	if i < 0 {
		return
	}
	w := q.all[i]
	q.remove(w)
	if e.Deleted {
		return
	}
	w.ID, w.Node, w.Round, w.Attempt, w.Bytes, w.entry, w.deadline = e.ID, 0, 0, 0, int64(len(e.XML)), e, time.Time{}
	q.all.insert(w)
	q.ready.insert(w)
}

func (q *memoryQueue) remove(w *memoryWork) {
	q.all.remove(w)
	q.ready.remove(w)
}

// drop removes the work that match names.
func (q *memoryQueue) drop(match func(*memoryWork) bool) {
	q.all = slices.DeleteFunc(q.all, match)
	q.ready = slices.DeleteFunc(q.ready, match)
}

// acked removes w, and its entry from a feed that keeps it until then, once no other queue has it.
func (q *memoryQueue) acked(w *memoryWork) (gone bool) {
	q.remove(w)
	if !q.feed.UntilAcked {
		return false
	}
	for _, other := range q.feed.queues {
		if _, waits := other.all.find(w.Place); waits {
			return false
		}
	}
	q.feed.remove(w.entry)
	return true
}

// release lets w wait again in q.
func (m *Memory) release(q *memoryQueue, w *memoryWork) {
	w.Node, w.deadline = 0, time.Time{}
	q.ready.insert(w)
	m.stir(q)
}

func (m *Memory) stir(q *memoryQueue) {
	m.stirs++
	q.stirred = m.stirs
}

func (m *Memory) claim(o *bus.Order, at time.Time) error {
	if !m.knows(o.Node) {
		return bus.ErrClaimLost
	}
	q := m.queues[o.Queue]
	if q == nil {
		return bus.ErrNoQueue
	}
	o.Claims, o.Expired = nil, 0
	bytes := int64(0)
	for !o.Full(len(o.Claims), bytes) && len(q.ready) > 0 && !q.Paused {
		w := q.ready[0]
		if !w.Expires.IsZero() && !at.Before(w.Expires) {
			q.acked(w)
			o.Expired++
			continue
		}
		q.ready = q.ready[1:]
		w.Node = o.Node
		w.Attempt++
		w.deadline = deadlineOf(w, o.Lease, at)
		o.Claims = append(o.Claims, w.Claim)
		bytes += w.Bytes
	}
	return nil
}

// deadlineOf returns when a claim made at that time ends, zero if it is no lease.
func deadlineOf(w *memoryWork, lease time.Duration, at time.Time) time.Time {
	switch {
	case lease == 0:
		return time.Time{}
	case w.AckTimeout > 0:
		return at.Add(w.AckTimeout)
	}
	return at.Add(lease)
}

// settle does what s says, unless the claim has lost its work, which it reports.
func (m *Memory) settle(s *bus.Settlement, at time.Time) (held bool) {
	s.Gone = false
	s.Lost = s.Verdict == bus.Leased || s.Node == bus.LeaseNode
	w := m.work(s)
	if w == nil {
		return false
	}
	q := m.queues[s.Queue]
	s.Lost = false
	switch s.Verdict {
	case bus.Acked:
		s.Gone = q.acked(w)
	case bus.Released:
		m.release(q, w)
	case bus.Returned:
		w.Attempt--
		m.release(q, w)
	case bus.Leased:
		w.Node, w.deadline = bus.LeaseNode, at.Add(s.Lease)
	}
	return true
}

// work returns the work that s settles, nil if the claim has lost it.
func (m *Memory) work(s *bus.Settlement) *memoryWork {
	q := m.queues[s.Queue]
	if q == nil {
		return nil
	}
	i, ok := q.all.find(s.Place)
	if !ok || q.all[i].Node != s.Node || q.all[i].Round != s.Round || q.all[i].Attempt != s.Attempt {
		return nil
	}
	return q.all[i]
}

func (f *memoryFeed) queue(name string) *memoryQueue {
	for _, q := range f.queues {
		if q.Name == name {
			return q
		}
	}
	return nil
}

// roomForQueues reports whether the queues that posts name are there, or have room to be made. Dead
// letters need none.
func (m *Memory) roomForQueues(posts []bus.Posting) bool {
	fresh := make(map[bus.QueueName]bool)
	many := make(map[string]int)
	for i := range posts {
		p := &posts[i]
		name := bus.QueueName{Feed: p.Entry.Feed, Name: p.Queue}
		_, replayed := m.keys[keyOf(p)]
		if p.Queue == "" || p.Draft || p.Key != "" && replayed || fresh[name] || m.queueNow(name.Feed, name.Name).ID != 0 {
			continue
		}
		if f := m.feeds[name.Feed]; f != nil && many[name.Feed] == 0 {
			many[name.Feed] = len(f.queues)
		}
		if many[name.Feed] < bus.MostQueues {
			fresh[name] = true
			many[name.Feed]++
		} else if p.InPlaceOf == 0 {
			return false
		}
	}
	return true
}

// ensureQueue returns a queue, which it makes if need be; nil if the feed has as many as it may.
func (m *Memory) ensureQueue(f *memoryFeed, name string, at time.Time) *memoryQueue {
	if q := f.queue(name); q != nil {
		return q
	}
	if len(f.queues) >= bus.MostQueues {
		return nil
	}
	m.lastQueue++
	q := &memoryQueue{feed: f, Queue: bus.Queue{
		ID:         m.lastQueue,
		QueueName:  bus.QueueName{Feed: f.Name, Name: name},
		AckTimeout: bus.DefaultAckTimeout,
		Attempts:   bus.DefaultAttempts,
		Created:    at,
	}}
	if m.queues == nil {
		m.queues = make(map[int64]*memoryQueue)
	}
	m.queues[q.ID] = q
	f.queues = append(f.queues, q)
	return q
}

func (q *memoryQueue) row() *bus.Queue {
	row := q.Queue
	row.Waiting = int64(len(q.all))
	return &row
}

// Queue implements bus.Queues.
func (m *Memory) Queue(ctx context.Context, feed, name string) (*bus.Queue, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	if q := m.queueNow(feed, name); q.ID != 0 {
		return q, nil
	}
	return nil, bus.ErrNoQueue
}

// queueNow returns a queue, one without ID if there is none.
func (m *Memory) queueNow(feed, name string) *bus.Queue {
	if f := m.feeds[feed]; f != nil {
		if q := f.queue(name); q != nil {
			return q.row()
		}
	}
	return new(bus.Queue)
}

// Queues implements bus.Queues.
func (m *Memory) Queues(ctx context.Context, after bus.QueueName, limit int) ([]*bus.Queue, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	var list []*bus.Queue
	for _, q := range m.queues {
		if compareNames(q.QueueName, after) > 0 {
			list = append(list, q.row())
		}
	}
	slices.SortFunc(list, func(a, b *bus.Queue) int { return compareNames(a.QueueName, b.QueueName) })
	return list[:min(limit, len(list))], nil
}

func compareNames(a, b bus.QueueName) int {
	return cmp.Or(cmp.Compare(a.Feed, b.Feed), cmp.Compare(a.Name, b.Name))
}

// ConfigureQueue implements bus.Queues.
func (m *Memory) ConfigureQueue(ctx context.Context, feed, name string, s bus.QueueSettings) (*bus.Queue, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if s.If != nil && !m.queueNow(feed, name).IsAs(s.If) {
		return nil, bus.ErrChanged
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	q := m.ensureQueue(m.ensure(feed, now), name, now)
	if q == nil {
		return nil, bus.ErrManyQueues
	}
	set(&q.AckTimeout, s.AckTimeout)
	set(&q.Attempts, s.Attempts)
	if q.Paused && s.Paused != nil && !*s.Paused {
		m.stir(q)
	}
	set(&q.Paused, s.Paused)
	m.notify()
	return q.row(), nil
}

// Waiting implements bus.Queues.
func (m *Memory) Waiting(ctx context.Context, queue int64, after bus.Place, limit int, bytes int64) ([]bus.Place, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	var page []bus.Place
	if q := m.queues[queue]; q != nil {
		i, found := q.all.find(after)
		if found {
			i++
		}
		size := int64(0)
		for _, w := range q.all[i:min(i+limit, len(q.all))] {
			if bytes > 0 && size > bytes {
				break
			}
			size += w.Bytes
			page = append(page, w.Place)
		}
	}
	return page, nil
}

// Fetch implements bus.Queues.
func (m *Memory) Fetch(ctx context.Context, ids []int64) ([]*bus.Entry, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	var list []*bus.Entry
	for _, f := range m.feeds {
		for _, id := range ids {
			i, ok := slices.BinarySearchFunc(f.entries, id, func(e *bus.Entry, id int64) int { return cmp.Compare(e.ID, id) })
			if ok {
				list = append(list, f.entries[i])
			}
		}
	}
	slices.SortFunc(list, byID)
	return list, nil
}
