package stompgw

import (
	"iter"
	"sync"
	"sync/atomic"

	"atommq/bus"
	"atommq/feeds"
)

// topics brings what is published to the topic subscriptions of a node. It is its bus's
// bus.Listener. There is one for a Server.
type topics struct {
	messages
	stop   func()       // ends the listening
	wholes atomic.Int64 // follows that want whole entries
	long   longEntries

	delivered atomic.Int64 // messages

	mu       sync.RWMutex
	feeds    *registry
	prefixes *registry
	lengths  [feeds.MaxName + 1]int // how many prefixes there are of each length
}

var _ bus.Listener = (*topics)(nil)

// newTopics begins to listen to b.
func newTopics(b *bus.Bus, baseURL string) *topics {
	t := &topics{
		messages: newMessages(b, baseURL),
		feeds:    newRegistry(),
		prefixes: newRegistry(),
	}
	t.stop = b.Listen(t)
	return t
}

// close ends the listening. The followers are closed before.
func (t *topics) close() { t.stop() }

// count returns how many subscriptions of this node get what is published to feed, prefixes included.
func (t *topics) count(feed string) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := t.feeds.count(feed)
	for prefix := range t.prefixesOf(feed) {
		n += t.prefixes.count(prefix)
	}
	return n
}

// prefixesOf yields each beginning of a feed's name that may have follows. Callers hold t.mu.
func (t *topics) prefixesOf(feed string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for n := range t.lengths[:len(feed)+1] {
			if t.lengths[n] > 0 && !yield(feed[:n]) {
				return
			}
		}
	}
}

// matching yields the follows that get what is published to feed. Callers hold t.mu.
func (t *topics) matching(feed string) iter.Seq[*follow] {
	return func(yield func(*follow) bool) {
		if !round(t.feeds.first(feed), yield) || t.prefixes.size == 0 {
			return
		}
		for prefix := range t.prefixesOf(feed) {
			if !round(t.prefixes.first(prefix), yield) {
				return
			}
		}
	}
}

// round yields a ring.
func round(first *follow, yield func(*follow) bool) bool {
	for s := first; s != nil; s = s.next {
		if !yield(s) {
			return false
		}
		if s.next == first {
			return true
		}
	}
	return true
}

// announced is how many entries are announced under one hold of the lock, before the writers are woken.
const announced = 256

// Committed implements bus.Listener.
func (t *topics) Committed(entries []*bus.Entry) {
	for len(entries) > 0 {
		n := min(len(entries), announced)
		t.announce(entries[:n])
		entries = entries[n:]
	}
}

// announce pushes entries feed by feed, as they come: so each follow's lock is taken once for
// several of them.
func (t *topics) announce(entries []*bus.Entry) {
	var woken wakes
	t.mu.RLock()
	for len(entries) > 0 {
		n := sameFeed(entries)
		var shared []*bus.Entry
		for s := range t.matching(entries[0].Feed) {
			if shared == nil {
				shared = t.long.share(entries[:n])
			}
			woken.add(s.owner, s.owner.push(s, shared))
		}
		entries = entries[n:]
	}
	t.mu.RUnlock()
	woken.call()
}

// sameFeed counts the entries at the beginning that are of one feed.
func sameFeed(entries []*bus.Entry) int {
	n := 1
	for n < len(entries) && entries[n].Feed == entries[0].Feed {
		n++
	}
	return n
}

// Changed implements bus.Listener.
func (t *topics) Changed(feeds []string, all bool) {
	if all {
		t.reread(t.feeds)
		t.reread(t.prefixes)
		return
	}
	for _, feed := range feeds {
		var woken wakes
		t.mu.RLock()
		for s := range t.matching(feed) {
			woken.add(s.owner, s.owner.reread(s))
		}
		t.mu.RUnlock()
		woken.call()
	}
}

// reread makes all follows of a registry look at the log.
func (t *topics) reread(r *registry) {
	for i := range r.tables {
		var woken wakes
		t.mu.RLock()
		for _, first := range r.tables[i].slots {
			round(first, func(s *follow) bool {
				woken.add(s.owner, s.owner.reread(s))
				return true
			})
		}
		t.mu.RUnlock()
		woken.call()
	}
}

// wakes are the followers whose writers are to be woken once no lock is held.
type wakes []*follower

func (w *wakes) add(f *follower, wake bool) {
	if wake {
		*w = append(*w, f)
	}
}

func (w wakes) call() {
	for _, f := range w {
		f.wake()
	}
}

// enter makes s known, live from now on if it is to be.
func (t *topics) enter(s *follow, after int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if after == fromNow {
		// An entry up to here may be announced yet. It was committed before, and what comes after
		// is announced after.
		after = t.bus.Head()
	}
	s.after = after
	if s.is(isWhole) {
		t.wholes.Add(1)
	}
	if !s.is(isPrefix) {
		t.feeds.add(s)
		return
	}
	t.prefixes.add(s)
	t.lengths[len(s.feed())]++
}

// leave takes out follows, which are known.
func (t *topics) leave(follows ...*follow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range follows {
		if s.is(isWhole) {
			t.wholes.Add(-1)
		}
		if !s.is(isPrefix) {
			t.feeds.remove(s)
			continue
		}
		t.prefixes.remove(s)
		t.lengths[len(s.feed())]--
	}
}
