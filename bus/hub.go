package bus

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// idleTails is how many unfollowed feeds the hub remembers.
	idleTails = 1024
	// tailShare is the part of the cache that one feed may take: a quarter.
	tailShare = 4
	// changedNames bounds the feeds that one look names; beyond it every follower reads.
	changedNames = 1000
	// lookTimeout bounds a look at other processes' commits.
	lookTimeout = 2 * time.Second
)

// hub holds the tails of the feeds in use, within a bound of memory.
//
// The committer applies its commits, the watcher marks what other processes
// changed, and readers load what is missing, each in its own goroutine. Ids
// tell what came first: one counter gives them without gaps, so a commit whose
// ids do not follow on those seen shows that another process committed in between.
type hub struct {
	store Store
	limit int          // of bytes
	head  atomic.Int64 // newest id seen; only rises

	mu      sync.Mutex
	seen    seen
	tails   map[string]*tail
	order   *list.List // of the tails that can be freed, the most recently used first
	watches watches
	log     logTail
	idle    int   // tails without followers
	epoch   int64 // of the commit under way
	bytes   int   // cost of idle tails and of all entries; a follower pays for its own tail
}

func newHub(store Store, head int64, limit int) *hub {
	h := &hub{store: store, limit: limit, tails: make(map[string]*tail), order: list.New()}
	h.log.loading = make(chan struct{}, 1)
	h.head.Store(head)
	h.seen.all = head
	return h
}

// begin says that a commit is under way. What is loaded from now on may know of it already.
func (h *hub) begin() {
	h.mu.Lock()
	h.epoch++
	h.mu.Unlock()
}

// apply takes a commit of this node into the tails: its ops, and the entries that left their feeds.
// It returns what there is to announce.
func (h *hub) apply(ops []*Op, left []departure) (n news) {
	var changes []change
	for _, op := range ops {
		if op.Err == nil {
			changes = changesOf(op, changes)
		}
	}
	if len(changes)+len(left) == 0 {
		return n
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(changes) > 0 && !h.seen.add(changes[0].entry.ID, changes[len(changes)-1].entry.ID) {
		// The other process's hint may still be on its way, and a follower that saw these entries
		// first would skip the earlier ones: whoever is told of these reads the store. Those who
		// follow other feeds wait for the hint.
		n.foreign, n.feeds = true, feedsOf(changes)
		h.distrust(changes[0].entry.ID - 1)
	}
	var t *tail
	for i, c := range changes {
		if i == 0 || c.entry.Feed != changes[i-1].entry.Feed {
			t = h.tails[c.entry.Feed]
			n.wakes = h.watches.stir(c.entry.Feed, n.wakes)
		}
		if t == nil {
			continue
		}
		before := t.bytes
		t.add(c)
		h.bytes += t.bytes - before
		h.trimToShare(t)
		h.list(t)
		n.wakes = t.stir(n.wakes)
	}
	for i := range left {
		if t := h.tails[left[i].feed]; t != nil {
			t.depart(left[i], h.epoch)
		}
	}
	if len(changes) > 0 {
		h.extendLog(changes)
		h.advance(changes[len(changes)-1].entry.ID)
		n.entries = make([]*Entry, len(changes))
		for i := range changes {
			n.entries[i] = changes[i].entry
		}
	}
	h.shrink()
	return n
}

// look is what the store says of other processes' commits.
type look struct {
	names []string // of feeds written to
	all   bool     // perhaps all of them
	head  int64
	lost  bool // what was seen: a standby took over without it
}

// look asks the store what was committed since everything was seen.
func (h *hub) look(ctx context.Context) look {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	h.mu.Lock()
	after := h.seen.all
	h.mu.Unlock()
	names, head, more, err := h.store.Changed(ctx, after, changedNames)
	return look{names: names, all: more || err != nil, head: head, lost: err == nil && head < after}
}

// absorb takes in what a look has shown, and returns what there is to announce. Every tail is
// loaded anew when it is next used, which costs one look at its feed where nothing has changed.
func (h *hub) absorb(l look) news {
	n := news{foreign: true, feeds: l.names, all: l.all}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance(l.head)
	h.seen.upTo(l.head)
	h.distrust(h.head.Load())
	if l.lost {
		h.resetLog()
	}
	if n.all {
		h.log.stale = true
		n.wakes = h.watches.stirAll(n.wakes)
		for _, t := range h.tails {
			n.wakes = t.stir(n.wakes)
		}
	}
	for _, name := range l.names {
		n.wakes = h.watches.stir(name, n.wakes)
		if t := h.tails[name]; t != nil {
			n.wakes = t.stir(n.wakes)
		}
	}
	return n
}

// distrust has every tail loaded anew when it is next used, for others wrote up to head. Callers hold h.mu.
func (h *hub) distrust(head int64) {
	if h.log.known < head {
		h.log.stale = true
	}
	for _, t := range h.tails {
		t.stale = true
	}
}

// forget makes the next reader of a feed look at the store, and its followers read.
func (h *hub) forget(name string) {
	h.mu.Lock()
	h.resetLog()
	wakes := h.watches.stir(name, nil)
	if t := h.tails[name]; t != nil {
		t.stale = true
		wakes = t.stir(wakes)
	}
	h.mu.Unlock()
	wake(wakes)
}

// learn has a tail loaded anew that knows less of f's pruning than f does: another process may
// have done it.
func (h *hub) learn(f *Feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.tails[f.Name]; t != nil && (t.feed == nil || t.feed.Pruned < f.Pruned) {
		t.stale = true
	}
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

// use returns the tail of a feed, making it if need be, as the most recently
// used one. Callers hold h.mu.
func (h *hub) use(name string) *tail {
	t := h.tails[name]
	if t == nil {
		t = &tail{name: name, stale: true, share: h.limit / tailShare}
		h.tails[name] = t
		h.bytes += tailCost
		h.idle++
	}
	h.list(t)
	if t.place != nil {
		h.order.MoveToFront(t.place)
	}
	return t
}

// list enters t among the tails that can be freed, if it is not there. Callers hold h.mu.
func (h *hub) list(t *tail) {
	if t.place == nil && (t.followers == 0 || len(t.entries) > 0) {
		t.place = h.order.PushFront(t)
	}
}

// follow counts a follower of a feed, whose tail then stays.
func (h *hub) follow(name string) *tail {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.use(name)
	if t.followers == 0 {
		h.idle--
		h.bytes -= tailCost
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
		h.bytes += tailCost
		h.list(t)
		h.shrink()
	}
}

// changed returns a channel that is closed when b next rings.
func (h *hub) changed(b *bell) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return b.changed()
}

// shrink brings the cache back within its bounds, from the feeds not used for
// longest. Callers hold h.mu.
func (h *hub) shrink() {
	for h.bytes > h.limit || h.idle > idleTails {
		e := h.order.Back()
		if e == nil {
			return
		}
		t := e.Value.(*tail)
		h.trim(t, len(t.entries))
		h.order.Remove(e)
		t.place = nil
		if t.followers == 0 && t.loading == nil {
			h.remove(t)
		}
	}
}

// remove takes out an idle tail. Callers hold h.mu.
func (h *hub) remove(t *tail) {
	if h.tails[t.name] != t {
		return
	}
	if t.place != nil {
		h.order.Remove(t.place)
		t.place = nil
	}
	delete(h.tails, t.name)
	h.bytes -= t.bytes + tailCost
	h.idle--
}

// trimToShare trims t to its share of the cache; to half of it, so that not
// every entry trims. Callers hold h.mu.
func (h *hub) trimToShare(t *tail) {
	if t.bytes <= t.share {
		return
	}
	n, left := 0, t.bytes
	for n < len(t.entries) && left > t.share/2 {
		left -= cost(t.entries[n])
		n++
	}
	h.trim(t, n)
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
		t.stale = true
		t.dropBuffer()
	} else {
		before := t.bytes
		t.fill(got, h.epoch)
		t.catchUp()
		h.bytes += t.bytes - before
		h.trimToShare(t)
	}
	if t.feed == nil && t.followers == 0 {
		// Asking for feeds that do not exist, or while the store fails, must not
		// push out those that do.
		h.remove(t)
	} else {
		h.list(t)
	}
	h.shrink()
	return err
}

// loaded is what a store says of the end of a feed.
type loaded struct {
	feed    *Feed    // nil when there is none
	same    bool     // nothing came since, and none went; entries was not read
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
	if had != nil && feed.LastID == had.LastID && feed.Pruned == had.Pruned && feed.Entries == had.Entries {
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
	// What was pruned in between is missing from the entries, so that must be said of the feed.
	after, err := h.store.Feed(ctx, name)
	if err != nil {
		return loaded{}, err
	}
	feed.Pruned = after.Pruned
	slices.Reverse(entries)
	whole := len(entries) < q.Limit && size(entries) <= q.Bytes
	return loaded{feed: feed, entries: entries, whole: whole}, nil
}

// seen is which ids a node knows the feeds of.
type seen struct {
	all         int64 // every one up to here
	first, last int64 // and these, which this node gave behind others' last
}

// add takes in the ids that a commit of this node gave out; ok is false when they do not follow on those seen.
func (s *seen) add(first, last int64) (ok bool) {
	switch {
	case first <= s.all+1:
		s.all = max(s.all, last)
		return true
	case s.last > 0 && first == s.last+1:
		s.last = last
	default:
		s.first, s.last = first, last
	}
	return false
}

// upTo takes in that everything up to head was seen.
func (s *seen) upTo(head int64) {
	s.all = max(s.all, head)
	if s.first <= s.all+1 {
		s.all = max(s.all, s.last)
		s.first, s.last = 0, 0
	}
}

// feedsOf names the feeds of changes, once each where those of one feed follow each other.
func feedsOf(changes []change) (names []string) {
	for i := range changes {
		if name := changes[i].entry.Feed; i == 0 || name != changes[i-1].entry.Feed {
			names = append(names, name)
		}
	}
	return names
}
