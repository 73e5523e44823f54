package bus

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// How many feeds that nobody follows the hub remembers, and which part of the cache
// one feed may take.
const (
	idleTails = 1024
	tailShare = 4 // a quarter
)

// changedNames is how many feeds a look at other processes' commits names; when more have changed,
// every follower looks.
const changedNames = 1000

// hub holds the tails of the feeds in use, within a bound of memory.
//
// The committer applies its commits, the watcher marks what other processes
// changed, and readers load what is missing, each in its own goroutine. Ids
// tell what came first: one counter gives them without gaps, so a commit whose
// ids do not follow on the head shows that another process committed in between.
type hub struct {
	store Store
	limit int          // of bytes
	head  atomic.Int64 // newest id seen; only rises

	mu    sync.Mutex
	tails map[string]*list.Element // of *tail
	order *list.List               // of *tail, the most recently used first
	idle  int                      // tails without followers
	bytes int
}

func newHub(store Store, head int64, limit int) *hub {
	h := &hub{store: store, limit: limit, tails: make(map[string]*list.Element), order: list.New()}
	h.head.Store(head)
	return h
}

// apply takes a commit of this node into the tails. It returns the channels of
// waiting followers, for the caller to close.
func (h *hub) apply(ctx context.Context, ops []*Op) (wakes []chan struct{}) {
	var changes []change
	for _, op := range ops {
		if op.Err == nil {
			changes = changesOf(op, changes)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	if changes[0].entry.ID > h.head.Load()+1 {
		// The other process's hint may still be on its way, and a follower
		// that saw these entries first would skip the earlier ones.
		wakes = h.resync(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var t *tail
	for i, c := range changes {
		if i == 0 || c.entry.Feed != changes[i-1].entry.Feed {
			t = h.get(c.entry.Feed)
		}
		if t == nil {
			continue
		}
		before := t.bytes
		t.add(c)
		h.bytes += t.bytes - before
		h.cut(t)
		wakes = t.stir(wakes)
	}
	h.advance(changes[len(changes)-1].entry.ID)
	h.shrink()
	return wakes
}

// resync asks the store what other processes committed. It returns the channels of the followers
// whom that concerns, for the caller to close. Every tail is loaded anew when it is
// next used, which costs one look at its feed where nothing has changed.
func (h *hub) resync(ctx context.Context) (wakes []chan struct{}) {
	names, head, more, err := h.store.Changed(ctx, h.head.Load(), changedNames)
	all := more || err != nil
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.advance(head)
	}
	for e := h.order.Front(); e != nil; e = e.Next() {
		t := e.Value.(*tail)
		t.stale = true
		if all {
			wakes = t.stir(wakes)
		}
	}
	for _, name := range names {
		if t := h.get(name); t != nil {
			wakes = t.stir(wakes)
		}
	}
	return wakes
}

// forget makes the next reader of a feed look at the store, and its followers read.
func (h *hub) forget(name string) {
	h.mu.Lock()
	var wakes []chan struct{}
	if t := h.get(name); t != nil {
		t.stale = true
		wakes = t.stir(nil)
	}
	h.mu.Unlock()
	wake(wakes)
}

func wake(followers []chan struct{}) {
	for _, w := range followers {
		close(w)
	}
}

// advance moves the head forward. Callers hold h.mu.
func (h *hub) advance(id int64) {
	if id > h.head.Load() {
		h.head.Store(id)
	}
}

// get returns the tail of a feed if there is one. Callers hold h.mu.
func (h *hub) get(name string) *tail {
	if e := h.tails[name]; e != nil {
		return e.Value.(*tail)
	}
	return nil
}

// use returns the tail of a feed, making it if need be, as the most recently
// used one. Callers hold h.mu.
func (h *hub) use(name string) *tail {
	if e := h.tails[name]; e != nil {
		h.order.MoveToFront(e)
		return e.Value.(*tail)
	}
	t := &tail{name: name, stale: true}
	h.tails[name] = h.order.PushFront(t)
	h.bytes += tailCost
	h.idle++
	return t
}

// follow counts a follower of a feed, whose tail then stays.
func (h *hub) follow(name string) *tail {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.use(name)
	if t.followers == 0 {
		h.idle--
	}
	t.followers++
	return t
}

func (h *hub) unfollow(t *tail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.followers--
	if t.followers == 0 {
		h.idle++
		h.shrink()
	}
}

// watch returns a channel that is closed at the next change of t's feed.
func (h *hub) watch(t *tail) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.wake == nil {
		t.wake = make(chan struct{})
	}
	return t.wake
}

// shrink brings the cache back within its bounds, from the feeds not used for
// longest. Callers hold h.mu.
func (h *hub) shrink() {
	for n := h.order.Len(); n > 0 && (h.bytes > h.limit || h.idle > idleTails); n-- {
		e := h.order.Back()
		t := e.Value.(*tail)
		h.trim(t, len(t.entries))
		if t.followers == 0 && t.loading == nil {
			h.remove(e)
		} else {
			h.order.MoveToFront(e)
		}
	}
}

// remove takes out an idle tail. Callers hold h.mu.
func (h *hub) remove(e *list.Element) {
	h.order.Remove(e)
	delete(h.tails, e.Value.(*tail).name)
	h.bytes -= tailCost
	h.idle--
}

// cut trims t to its share of the cache; to half of it, so that it is not trimmed at every entry.
// Callers hold h.mu.
func (h *hub) cut(t *tail) {
	if share := h.limit / tailShare; t.bytes > share {
		n, left := 0, t.bytes
		for n < len(t.entries) && left > share/2 {
			left -= cost(t.entries[n])
			n++
		}
		h.trim(t, n)
	}
}

func (h *hub) trim(t *tail, n int) {
	before := t.bytes
	t.trim(n)
	h.bytes += t.bytes - before
}

// ready returns the tail of a feed with h.mu held, as fresh as the store was when
// ready was called, or fresher; with the feed's newest entries if deep is set.
// The caller unlocks, unless there is an error.
func (h *hub) ready(ctx context.Context, name string, deep bool) (*tail, error) {
	h.mu.Lock()
	t := h.use(name)
	for t.loading != nil || t.stale || deep && t.shallow {
		if t.loading == nil {
			// When t went stale again meanwhile, it still holds what this call asked for.
			err := h.load(ctx, t, deep)
			if err != nil {
				h.mu.Unlock()
			}
			return t, err
		}
		loading := t.loading
		h.mu.Unlock()
		select {
		case <-loading:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		h.mu.Lock()
		t = h.use(name)
	}
	return t, nil
}

// load reads a tail from the store. It is called and returns with h.mu held, and
// lets go of it meanwhile: changes that come in then are buffered, so that none
// falls between the reading and the watching.
func (h *hub) load(ctx context.Context, t *tail, deep bool) error {
	done := make(chan struct{})
	defer close(done)
	t.loading, t.stale = done, false
	deep = deep || len(t.entries) > 0
	had := t.feed
	if had != nil && had.LastID != t.known || deep && t.shallow {
		had = nil // the entries are not those of that time, or not there
	}
	h.mu.Unlock()
	got, err := h.read(ctx, t.name, had, deep)
	h.mu.Lock()
	t.loading = nil
	if err != nil {
		t.stale, t.buffered = true, nil
		return err
	}
	before := t.bytes
	t.fill(got)
	t.catchUp()
	h.bytes += t.bytes - before
	h.cut(t)
	if t.feed == nil && t.followers == 0 {
		// Asking for feeds that do not exist must not push out those that do.
		if e := h.tails[t.name]; e != nil && e.Value.(*tail) == t {
			h.remove(e)
		}
	}
	h.shrink()
	return nil
}

// loaded is what a store says of the end of a feed.
type loaded struct {
	feed    *Feed    // nil when there is none
	same    bool     // nothing came or went since; entries was not read
	shallow bool     // entries was not asked for
	entries []*Entry // the newest ones, in order of id
	whole   bool     // they are all there are
}

// read reads a feed's description and, if deep is set, its newest entries, unless they
// are as they were when had described them.
func (h *hub) read(ctx context.Context, name string, had *Feed, deep bool) (loaded, error) {
	feed, err := h.store.Feed(ctx, name)
	if errors.Is(err, ErrNoFeed) {
		return loaded{whole: true}, nil
	}
	if err != nil {
		return loaded{}, err
	}
	if had != nil && feed.LastID == had.LastID && feed.Pruned == had.Pruned {
		return loaded{feed: feed, same: true}, nil
	}
	if !deep {
		return loaded{feed: feed, shallow: true}, nil
	}
	q := Query{Feed: name, Newest: true, Limit: loadEntries, Bytes: h.limit / tailShare / 4}
	entries, err := h.store.Read(ctx, q)
	if err != nil {
		return loaded{}, err
	}
	slices.Reverse(entries)
	whole := len(entries) < q.Limit && size(entries) <= q.Bytes
	return loaded{feed: feed, entries: entries, whole: whole}, nil
}
