package bustest

import (
	"cmp"
	"context"
	"slices"

	"atommq/bus"
)

// Join implements bus.Nodes.
func (m *Memory) Join(ctx context.Context) (int64, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	m.lastNode++
	if m.nodes == nil {
		m.nodes = make(map[int64]bool)
	}
	m.nodes[m.lastNode] = true
	return m.lastNode, nil
}

// Die makes node look like one whose process is gone, until Recover strikes it out.
func (m *Memory) Die(node int64) {
	defer m.reading()()
	if m.knows(node) {
		m.nodes[node] = false
	}
}

// knows reports whether a node joined and was not struck out.
func (m *Memory) knows(node int64) bool {
	_, ok := m.nodes[node]
	return ok || node == bus.LeaseNode
}

// Leave implements bus.Nodes.
func (m *Memory) Leave(ctx context.Context, node int64) error {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	m.strike(node)
	m.notify()
	return nil
}

// Recover implements bus.Nodes.
func (m *Memory) Recover(ctx context.Context) ([]int64, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var queues []int64
	for node, alive := range m.nodes {
		if !alive {
			queues = append(queues, m.strike(node)...)
		}
	}
	if len(queues) > 0 {
		m.notify()
	}
	slices.Sort(queues)
	return slices.Compact(queues), nil
}

// Living implements bus.Health.
func (m *Memory) Living(ctx context.Context) (nodes []int64, err error) {
	defer m.reading()()
	for node, alive := range m.nodes {
		if alive {
			nodes = append(nodes, node)
		}
	}
	return nodes, context.Cause(ctx)
}

// strike returns node's claims to their queues, which it names, and forgets it.
func (m *Memory) strike(node int64) (queues []int64) {
	delete(m.nodes, node)
	for _, q := range m.queues {
		got := false
		for _, w := range q.all {
			if w.Node == node {
				m.release(q, w)
				got = true
			}
		}
		if got {
			queues = append(queues, q.ID)
		}
	}
	return queues
}

// Stirred implements bus.Nodes.
func (m *Memory) Stirred(ctx context.Context, mark int64, limit int) ([]int64, int64, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return nil, mark, err
	}
	if mark < 0 {
		return nil, m.stirs, nil
	}
	list := m.stirredSince(mark)
	list = list[:min(limit, len(list))]
	ids := make([]int64, len(list))
	for i, q := range list {
		ids[i], mark = q.ID, q.stirred
	}
	return ids, mark, nil
}

// stirredSince lists the queues that got work back since mark, in that order.
func (m *Memory) stirredSince(mark int64) (list []*memoryQueue) {
	for _, q := range m.queues {
		if q.stirred > mark {
			list = append(list, q)
		}
	}
	slices.SortFunc(list, func(a, b *memoryQueue) int { return cmp.Compare(a.stirred, b.stirred) })
	return list
}

// Known implements bus.Nodes.
func (m *Memory) Known(ctx context.Context, queues []int64) ([]*bus.Queue, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var list []*bus.Queue
	for _, id := range slices.Sorted(slices.Values(queues)) {
		if q := m.queues[id]; q != nil {
			list = append(list, q.row())
		}
	}
	return list, nil
}

// Ready implements bus.Health.
func (m *Memory) Ready(ctx context.Context) error {
	if m.BeforeCommit != nil {
		if err := m.BeforeCommit(nil); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// OnLoss implements bus.Health.
func (m *Memory) OnLoss(call func(node int64)) {
	defer m.reading()()
	m.onLoss = append(m.onLoss, call)
}

// CutOff makes node look to its own process like one that can give no sign of life.
func (m *Memory) CutOff(node int64) {
	m.mu.Lock()
	calls := slices.Clone(m.onLoss)
	m.mu.Unlock()
	for _, call := range calls {
		call(node)
	}
}
