package bustest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"atommq/bus"
	"atommq/feeds"
)

type memoryFeed struct {
	bus.Feed
	decided bool         // whether it keeps entries until acked
	entries []*bus.Entry // in order of id
	queues  []*memoryQueue
}

func (m *Memory) ensure(name string, at time.Time) *memoryFeed {
	f := m.feeds[name]
	if f == nil {
		f = &memoryFeed{Feed: bus.Feed{Feed: feeds.Feed{Name: name, UUID: uuid.NewString(), Created: at, Updated: at}}}
		if m.feeds == nil {
			m.feeds = make(map[string]*memoryFeed)
		}
		m.feeds[name] = f
	}
	return f
}

// remove takes e out of the feed and off its account.
func (f *memoryFeed) remove(e *bus.Entry) {
	i, ok := slices.BinarySearchFunc(f.entries, e, byID)
	if !ok {
		panic("removed entry is not in its feed")
	}
	f.entries = slices.Delete(f.entries, i, i+1)
	if !e.Deleted {
		f.Entries--
		f.Bytes -= int64(len(e.XML))
	}
}

// drop removes a feed with all that it has.
func (m *Memory) drop(name string) error {
	f := m.feeds[name]
	if f == nil {
		return bus.ErrNoFeed
	}
	for _, q := range f.queues {
		delete(m.queues, q.ID)
	}
	delete(m.feeds, name)
	return nil
}

// Feed implements bus.Catalog.
func (m *Memory) Feed(ctx context.Context, name string) (*bus.Feed, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	f := m.feeds[name]
	if f == nil {
		return nil, bus.ErrNoFeed
	}
	row := f.Feed
	return &row, nil
}

// Feeds implements bus.Catalog.
func (m *Memory) Feeds(ctx context.Context, after, before string, limit int) ([]*bus.Feed, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	var all []*bus.Feed
	for name, f := range m.feeds {
		if name > after && (before == "" || name < before) {
			row := f.Feed
			all = append(all, &row)
		}
	}
	slices.SortFunc(all, func(a, b *bus.Feed) int { return cmp.Compare(a.Name, b.Name) })
	if n := len(all) - limit; n > 0 && before != "" {
		return all[n:], nil
	}
	return all[:min(limit, len(all))], nil
}

// Configure implements bus.Catalog.
func (m *Memory) Configure(ctx context.Context, name string, s bus.Settings) (*bus.Feed, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	f := m.ensure(name, time.Now().UTC().Truncate(time.Microsecond))
	set(&f.Title, s.Title)
	set(&f.Subtitle, s.Subtitle)
	set(&f.Author, s.Author)
	set(&f.AppendOnly, s.AppendOnly)
	set(&f.UntilAcked, s.UntilAcked)
	f.decided = f.decided || s.UntilAcked != nil
	m.notify()
	row := f.Feed
	return &row, nil
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// Prune implements bus.Catalog.
func (m *Memory) Prune(ctx context.Context, feed string, upTo int64, limit int) (int, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	f := m.feeds[feed]
	if f == nil {
		return 0, bus.ErrNoFeed
	}
	n := 0
	for len(f.entries) > 0 && n < limit && f.entries[0].ID <= upTo {
		f.Pruned = f.entries[0].ID
		f.remove(f.entries[0])
		n++
	}
	for _, q := range f.queues {
		q.drop(func(w *memoryWork) bool { return w.ID <= f.Pruned })
	}
	m.notify()
	return n, nil
}

// ForgetKeys implements bus.Catalog.
func (m *Memory) ForgetKeys(ctx context.Context, t time.Time, limit int) (int, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	n := 0
	for k, use := range m.keys {
		if n < limit && use.used.Before(t) {
			delete(m.keys, k)
			n++
		}
	}
	return n, nil
}
