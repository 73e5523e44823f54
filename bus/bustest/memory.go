// Package bustest holds what stores and notifiers of the bus must pass, and a
// store in memory that fails on demand. store.go lists the promises, each part of which is in a file
// of its own; memory.go begins that store.
package bustest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// Memory is a bus.Store and bus.Notifier that keeps everything in memory, for
// tests. Its zero value is ready. Several buses may share one: each joins it as a node.
type Memory struct {
	// BeforeCommit, if set, runs before a commit writes anything: it may fail
	// the commit with the error it returns, or hold it up by not returning.
	BeforeCommit func(ops []*bus.Op) error
	// BeforeRead, if set, does the same for every reading call.
	BeforeRead func() error

	mu        sync.Mutex
	head      int64
	feeds     map[string]*memoryFeed
	keys      map[memoryKey]memoryUse
	replays   []*bus.Posting // of the commit under way
	queues    map[int64]*memoryQueue
	lastQueue int64
	nodes     map[int64]bool // true for those alive
	lastNode  int64
	stirs     int64 // releases so far
	watchers  map[chan struct{}]bool
	onLoss    []func(node int64)
	media     map[int64]*memoryMedia
	lastMedia int64
	roll      bus.Roll
	made      time.Time
}

var (
	_ bus.Store    = (*Memory)(nil)
	_ bus.Notifier = (*Memory)(nil)
)

type memoryKey struct {
	bus.Unit
	seq int
}

type memoryUse struct {
	digest [32]byte
	uuid   string
	id     int64
	used   time.Time
}

// Commit implements bus.Log.
func (m *Memory) Commit(ctx context.Context, pieces iter.Seq[[]*bus.Op]) error {
	var ops []*bus.Op
	for piece := range pieces {
		ops = append(ops, piece...)
	}
	if m.BeforeCommit != nil {
		if err := m.BeforeCommit(ops); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, op := range ops {
		op.Err = m.write(op)
	}
	for _, p := range m.replays {
		p.Entry = m.replay(p)
	}
	m.replays = nil
	m.notify()
	return nil
}

func (m *Memory) write(op *bus.Op) error {
	switch op.Kind {
	case bus.OpPublish:
		return m.publish(op)
	case bus.OpReplace:
		return m.edit(op, func(e, old *bus.Entry) {
			e.AtomID, e.Media = old.AtomID, old.Media
			if e.Published.IsZero() {
				e.Published = old.Published
			}
		})
	case bus.OpRemove:
		return m.edit(op, func(e, old *bus.Entry) {
			e.AtomID, e.Title, e.Absent = old.AtomID, old.Title, old.Absent
			e.Published, e.Updated = old.Published, old.Updated
			e.Deleted = true
			m.releaseMedia(old.UUID, op.At)
		})
	case bus.OpMedia:
		return m.editMedia(op)
	case bus.OpClaim:
		return m.claim(&op.Order, op.At)
	case bus.OpPurge:
		return m.purge(op.Purge)
	case bus.OpDropQueue:
		return m.dropQueue(op.Purge)
	case bus.OpRequeue:
		return m.requeue(op)
	case bus.OpDrop:
		return m.drop(op)
	case bus.OpOpen:
		q := m.ensureQueue(m.ensure(op.Open.Feed, op.At), op.Open.Name, op.At)
		if q == nil {
			return bus.ErrManyQueues
		}
		*op.Open = *q.row()
		return nil
	default:
		panic(fmt.Sprintf("op of kind %d", op.Kind))
	}
}

func (m *Memory) publish(op *bus.Op) error {
	for _, p := range op.Posts {
		if use, ok := m.keys[keyOf(&p)]; ok && use.digest != p.Digest {
			return bus.ErrKeyReused
		}
	}
	for _, s := range op.Settle {
		if !m.knows(s.Node) {
			return bus.ErrClaimLost
		}
	}
	if !m.roomForQueues(op.Posts) {
		return bus.ErrManyQueues
	}
	held, former := make([]bool, len(op.Settle)), make([]string, len(op.Settle))
	for i := range op.Settle {
		if len(m.media) > 0 {
			former[i] = m.uuidAt(op.Settle[i].ID)
		}
		held[i] = m.settle(&op.Settle[i], op.At)
	}
	for i := range op.Posts {
		p := &op.Posts[i]
		if p.InPlaceOf > 0 && !held[p.InPlaceOf-1] {
			continue
		}
		if _, ok := m.keys[keyOf(p)]; p.Key != "" && ok {
			p.Replayed = true
			m.replays = append(m.replays, p)
			continue
		}
		if op.Media != nil {
			media := m.adoptable(op.Media)
			if media == nil {
				return bus.ErrNoMedia
			}
			media.adopt(op.Media, p.Entry.UUID, op.At)
			p.Entry.Media = op.Media.Type
		}
		if p.Draft {
			m.keepDraft(p.Entry, 0, op.At)
		} else {
			m.post(p, op.At)
		}
		if p.InPlaceOf > 0 {
			m.share(former[p.InPlaceOf-1], p.Entry)
		}
		if p.Key != "" {
			if m.keys == nil {
				m.keys = make(map[memoryKey]memoryUse)
			}
			m.keys[keyOf(p)] = memoryUse{p.Digest, p.Entry.UUID, p.Entry.ID, op.At}
		}
	}
	return nil
}

// post appends what is posted, and makes work of it.
func (m *Memory) post(p *bus.Posting, at time.Time) {
	f := m.ensure(p.Entry.Feed, at)
	if !f.decided {
		f.decided, f.UntilAcked = true, p.Queue != ""
	}
	if p.Queue != "" {
		m.ensureQueue(f, p.Queue, at)
	}
	m.append(p.Entry, at)
	for _, q := range f.queues {
		q.add(p, 0)
	}
}

func keyOf(p *bus.Posting) memoryKey { return memoryKey{p.Unit(), p.Seq} }

// replay returns what was published under p's key, as it is after the commit.
func (m *Memory) replay(p *bus.Posting) *bus.Entry {
	use := m.keys[keyOf(p)]
	if e := m.find(p.Entry.Feed, use.uuid); e != nil {
		return e
	}
	if e := m.draft(p.Entry.Feed, use.uuid); e != nil {
		return e
	}
	return &bus.Entry{Member: feeds.Member{Feed: p.Entry.Feed, UUID: use.uuid, ID: use.id}}
}

// append gives e the next id and puts it at the end of its feed.
func (m *Memory) append(e *bus.Entry, at time.Time) {
	m.head++
	e.ID, e.Edited = m.head, at
	if e.Published.IsZero() {
		e.Published = at
	}
	if e.Updated.IsZero() {
		e.Updated = at
	}
	f := m.ensure(e.Feed, at)
	f.entries = append(f.entries, e)
	f.LastID = e.ID
	if at.After(f.Updated) {
		f.Updated = at
	}
	if !e.Deleted {
		f.Entries++
		f.Bytes += int64(len(e.XML))
	}
}

// edit puts op's entry in the place of the one it names, once carry has taken
// over from that what stays.
func (m *Memory) edit(op *bus.Op, carry func(e, old *bus.Entry)) error {
	e := op.Posts[0].Entry
	old := m.find(e.Feed, e.UUID)
	if draft := m.draft(e.Feed, e.UUID); draft != nil {
		return m.editDraft(op, draft)
	}
	switch {
	case old == nil:
		return bus.ErrNoEntry
	case m.feeds[old.Feed].AppendOnly:
		return bus.ErrAppendOnly
	case old.Deleted:
		return bus.ErrDeleted
	case op.IfID != 0 && op.IfID != old.ID:
		return bus.ErrChanged
	case op.Posts[0].Draft:
		return bus.ErrPublished
	}
	f := m.feeds[old.Feed]
	f.remove(old)
	op.Freed = int64(len(old.XML))
	e.Edits = old.Edits + 1
	carry(e, old)
	m.append(e, op.At)
	for _, q := range f.queues {
		q.renew(old.ID, e)
	}
	return nil
}

// Head implements bus.Log.
func (m *Memory) Head(ctx context.Context) (int64, error) {
	defer m.reading()()
	return m.head, m.readable(ctx)
}

func (m *Memory) reading() (done func()) {
	m.mu.Lock()
	return m.mu.Unlock
}

// readable runs BeforeRead, which may itself use the store. Callers hold m.mu, and have looked at
// nothing yet.
func (m *Memory) readable(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if m.BeforeRead == nil {
		return nil
	}
	m.mu.Unlock()
	defer m.mu.Lock()
	return m.BeforeRead()
}

// Read implements bus.Log.
func (m *Memory) Read(ctx context.Context, q bus.Query) ([]*bus.Entry, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	entries := m.entries(q)
	if q.Newest {
		slices.Reverse(entries)
	}
	var page []*bus.Entry
	size := 0
	for _, e := range entries {
		if e.ID <= q.After || (q.Before > 0 && e.ID >= q.Before) {
			continue
		}
		if len(page) == q.Limit || (q.Bytes > 0 && size > q.Bytes) {
			break
		}
		size += len(e.XML)
		if e = fresh(e); q.Outline {
			e.XML, e.Outlined = nil, len(e.XML)
		}
		page = append(page, e)
	}
	return page, nil
}

// fresh returns e as if it had been read from a disk.
func fresh(e *bus.Entry) *bus.Entry { return &bus.Entry{Member: e.Member} }

// entries returns a copy of those of the feeds that q asks for, in order of id.
func (m *Memory) entries(q bus.Query) []*bus.Entry {
	var all []*bus.Entry
	for name, f := range m.feeds {
		if name == q.Feed || (q.Prefix && strings.HasPrefix(name, q.Feed)) {
			all = append(all, f.entries...)
		}
	}
	slices.SortFunc(all, byID)
	return all
}

func byID(a, b *bus.Entry) int { return cmp.Compare(a.ID, b.ID) }

// Find implements bus.Log.
func (m *Memory) Find(ctx context.Context, feed, uuid string) (*bus.Entry, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	if e := m.find(feed, uuid); e != nil {
		return fresh(e), nil
	}
	if e := m.draft(feed, uuid); e != nil {
		return e, nil
	}
	return nil, bus.ErrNoEntry
}

func (m *Memory) find(feed, uuid string) *bus.Entry {
	for name, f := range m.feeds {
		if feed != "" && name != feed {
			continue
		}
		for _, e := range f.entries {
			if e.UUID == uuid {
				return e
			}
		}
	}
	return nil
}

// Changed implements bus.Log.
func (m *Memory) Changed(ctx context.Context, after int64, limit int) ([]string, int64, bool, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, 0, false, err
	}
	var names []string
	for name, f := range m.feeds {
		if f.LastID > after {
			names = append(names, name)
		}
	}
	if len(names) > limit {
		return nil, m.head, true, nil
	}
	return names, m.head, false, nil
}

// Watch implements bus.Notifier. It tells of every write, the caller's own too.
func (m *Memory) Watch(ctx context.Context, changed func()) error {
	hint := make(chan struct{}, 1)
	hint <- struct{}{}
	m.mu.Lock()
	if m.watchers == nil {
		m.watchers = make(map[chan struct{}]bool)
	}
	m.watchers[hint] = true
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.watchers, hint)
		m.mu.Unlock()
	}()
	for {
		select {
		case <-hint:
			changed()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// notify hints to every watcher. Callers hold m.mu.
func (m *Memory) notify() {
	for hint := range m.watchers {
		select {
		case hint <- struct{}{}:
		default:
		}
	}
}

// Close implements bus.Store.
func (m *Memory) Close() error { return nil }
