package bus

import (
	"sync"
	"sync/atomic"

	"atommq/feeds"
)

// Entry is a published entry or a tombstone. Once a Bus has returned it, it is
// shared by readers and must not be changed.
type Entry struct {
	feeds.Member
	Outlined   int // bytes of the XML, where Query.Outline left it out
	forms      atomic.Pointer[form]
	categories atomic.Pointer[[]feeds.Category]
	kept       atomic.Bool // in memory, for whoever asks
	left       bool        // the feed, being acked; guarded by the hub
}

// form is one rendering of an entry, in a list of the few there are.
type form struct {
	key  string
	next *form

	done  atomic.Bool
	mu    sync.Mutex // held while it is made
	bytes []byte
}

// of returns the rendering of e, made by render if nobody has made it yet.
func (f *form) of(e *Entry, render func(m *feeds.Member) []byte) []byte {
	if f.done.Load() {
		return f.bytes
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.done.Load() {
		f.bytes = render(&e.Member)
		f.done.Store(true)
	}
	return f.bytes
}

// maxForms bounds the renderings kept with an entry: Atom, JSON, those as events, and MESSAGE frames.
// Base URLs come from configuration and trusted proxies, so there are few; a surplus is rendered anew.
const maxForms = 6

// size returns the bytes of the XML.
func (e *Entry) size() int { return len(e.XML) + e.Outlined }

// Share says that the entry is kept in memory for whoever asks. Others were read for one.
func (e *Entry) Share() { e.kept.Store(true) }

// Shared reports whether that was said.
func (e *Entry) Shared() bool { return e.kept.Load() }

// Form returns the entry's rendering under key, made by render. That of an entry which is kept for
// whoever asks is made once for all of them: others wait for it. The result must not be changed.
func (e *Entry) Form(key string, render func(m *feeds.Member) []byte) []byte {
	if !e.Shared() {
		return render(&e.Member)
	}
	var f *form
	for {
		head := e.forms.Load()
		n := 0
		for known := head; known != nil; known = known.next {
			if known.key == key {
				return known.of(e, render)
			}
			n++
		}
		if n >= maxForms {
			return render(&e.Member)
		}
		if f == nil {
			f = &form{key: key}
		}
		if f.next = head; e.forms.CompareAndSwap(head, f) {
			return f.of(e, render)
		}
	}
}

// Categories returns the entry's categories, which are read from it the first time. The result
// must not be changed.
func (e *Entry) Categories() []feeds.Category {
	if known := e.categories.Load(); known != nil {
		return *known
	}
	c := feeds.CategoriesOf(&e.Member)
	e.categories.Store(&c)
	return c
}
