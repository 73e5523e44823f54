package bustest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"atommq/bus"
)

// Made implements bus.Census: a Memory is made when somebody asks.
func (m *Memory) Made(ctx context.Context) (time.Time, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return time.Time{}, err
	}
	if m.made.IsZero() {
		m.made = time.Now().UTC().Truncate(time.Second)
	}
	return m.made, nil
}

// Totals implements bus.Census.
func (m *Memory) Totals(ctx context.Context) (bus.Totals, error) {
	defer m.reading()()
	var sum bus.Totals
	if err := m.readable(ctx); err != nil {
		return sum, err
	}
	sum.Feeds, sum.Queues = int64(len(m.feeds)), int64(len(m.queues))
	for _, f := range m.feeds {
		sum.Entries += f.Entries
		sum.Bytes += f.Bytes
	}
	for _, q := range m.queues {
		sum.Waiting += int64(len(q.all))
	}
	return sum, nil
}

// Longest implements bus.Census.
func (m *Memory) Longest(ctx context.Context, limit int) ([]*bus.Queue, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	var list []*bus.Queue
	for _, q := range m.queues {
		if len(q.all) > 0 {
			list = append(list, q.row())
		}
	}
	slices.SortFunc(list, func(a, b *bus.Queue) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), compareNames(a.QueueName, b.QueueName))
	})
	return list[:min(limit, len(list))], nil
}
