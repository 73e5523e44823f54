package bus

import (
	"slices"
	"sync"
)

// Listener learns of what is committed. Its methods are called from one goroutine at a time, after
// the publishers were answered; they must not block and must not call the bus.
type Listener interface {
	// Committed brings what this node committed: entries and tombstones, in order of id, over all feeds.
	Committed(entries []*Entry)

	// Changed says that other processes wrote to these feeds, or, with all set, perhaps to any: read
	// them. What this node wrote at the same time may be among it, and may come in Committed as well.
	Changed(feeds []string, all bool)
}

// Listen makes l a listener until the returned function is called, which waits for a call under way.
func (b *Bus) Listen(l Listener) (stop func()) {
	entry := &listening{l}
	b.listeners.mu.Lock()
	defer b.listeners.mu.Unlock()
	b.listeners.list = append(b.listeners.list, entry)
	return func() {
		b.listeners.mu.Lock()
		defer b.listeners.mu.Unlock()
		b.listeners.list = slices.DeleteFunc(b.listeners.list, func(e *listening) bool { return e == entry })
	}
}

// listeners are those that are told of every commit.
type listeners struct {
	mu   sync.Mutex // held during their calls: one at a time
	list []*listening
}

type listening struct{ Listener }

// news is what there is to tell of a commit, or of a look at other processes' commits.
type news struct {
	foreign bool // other processes wrote
	feeds   []string
	all     bool
	entries []*Entry        // what this node wrote, in order of id
	wakes   []chan struct{} // of followers that wait
}

// announceForeign takes in what a look at other processes' commits has shown, and tells of it.
func (b *Bus) announceForeign(l look) {
	b.telling.Lock()
	defer b.telling.Unlock()
	b.announce(b.hub.absorb(l))
}

// announce tells followers, consumers and listeners. Callers hold b.telling, since they learned the
// news: whoever is told of an entry has been told of all before it, or to read them.
func (b *Bus) announce(n news) {
	wake(n.wakes)
	if n.foreign && b.desk.stirFeeds(n.feeds, n.all) {
		b.intake.call()
	}
	b.listeners.mu.Lock()
	defer b.listeners.mu.Unlock()
	for _, l := range b.listeners.list {
		if n.foreign {
			l.Changed(n.feeds, n.all)
		}
		if len(n.entries) > 0 {
			l.Committed(n.entries)
		}
	}
}
