package bustest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"atommq/bus"
	"atommq/feeds"
)

type memoryFeed struct {
	bus.Feed
	decided bool         // whether it keeps entries until acked
	entries []*bus.Entry // in order of id
	drafts  map[string]*bus.Entry
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
func (m *Memory) drop(op *bus.Op) error {
	name := op.Drop
	f := m.feeds[name]
	switch {
	case f == nil:
		return bus.ErrNoFeed
	case op.IfID != 0 && op.IfID != f.LastID:
		return bus.ErrChanged
	}
	for _, e := range f.entries {
		m.releaseMedia(e.UUID, op.At)
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
	all := m.list(after, before)
	if n := len(all) - limit; n > 0 && before != "" {
		return all[n:], nil
	}
	return all[:min(limit, len(all))], nil
}

// Names implements bus.Catalog.
func (m *Memory) Names(ctx context.Context, prefix string, limit int) (names []string, err error) {
	defer m.reading()()
	for _, f := range m.list("", "") {
		if strings.HasPrefix(f.Name, prefix) && len(names) < limit {
			names = append(names, f.Name)
		}
	}
	return names, m.readable(ctx)
}

// PrunedAbove implements bus.Catalog.
func (m *Memory) PrunedAbove(ctx context.Context, prefix, after string, id int64, limit int) (some []bus.Pruned, err error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	for _, f := range m.list(after, "") {
		if strings.HasPrefix(f.Name, prefix) && f.Pruned > id && len(some) < limit {
			some = append(some, bus.Pruned{Feed: f.Name, UpTo: f.Pruned})
		}
	}
	return some, nil
}

// list returns the feeds between two names, in order.
func (m *Memory) list(after, before string) (all []*bus.Feed) {
	for name, f := range m.feeds {
		if name > after && (before == "" || name < before) {
			row := f.Feed
			all = append(all, &row)
		}
	}
	slices.SortFunc(all, func(a, b *bus.Feed) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Configure implements bus.Catalog.
func (m *Memory) Configure(ctx context.Context, name string, s bus.Settings) (*bus.Feed, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if s.IfRevision != nil {
		var revision int64
		if f := m.feeds[name]; f != nil {
			revision = f.Revision
		}
		if revision != *s.IfRevision {
			return nil, bus.ErrChanged
		}
	}
	f := m.ensure(name, time.Now().UTC().Truncate(time.Microsecond))
	f.Revision++
	set(&f.Accepts, s.Accepts)
	set(&f.Categories, s.Categories)
	set(&f.Keep, s.Keep)
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
		m.releaseMedia(f.entries[0].UUID, time.Now())
		f.remove(f.entries[0])
		n++
	}
	for _, q := range f.queues {
		q.drop(func(w *memoryWork) bool { return w.ID <= f.Pruned })
	}
	m.notify()
	return n, nil
}

// Limited implements bus.Retention.
func (m *Memory) Limited(ctx context.Context, after string, limit int) ([]*bus.Feed, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var limited []*bus.Feed
	for _, f := range m.list(after, "") {
		if f.Keep != (bus.Keep{}) {
			limited = append(limited, f)
		}
	}
	return limited[:min(limit, len(limited))], nil
}

// Surplus implements bus.Retention.
func (m *Memory) Surplus(ctx context.Context, f *bus.Feed, now time.Time, limit int) (upTo int64, err error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil || m.feeds[f.Name] == nil {
		return 0, err
	}
	list := m.feeds[f.Name].entries
	entries, bytes := f.Entries, f.Bytes
	size := func(e *bus.Entry) (n int64) {
		if media := m.mediaOf(e.UUID); media != nil {
			n = media.Size
		}
		return n
	}
	for _, e := range list {
		bytes += size(e)
	}
	for _, e := range list[:min(limit, len(list))] {
		young := f.Keep.Age == 0 || !e.Edited.Before(now.Add(-f.Keep.Age))
		if young && (f.Keep.Entries == 0 || entries <= f.Keep.Entries) && (f.Keep.Bytes == 0 || bytes <= f.Keep.Bytes) {
			break
		}
		upTo = e.ID
		bytes -= int64(len(e.XML)) + size(e)
		if !e.Deleted {
			entries--
		}
	}
	return upTo, nil
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
