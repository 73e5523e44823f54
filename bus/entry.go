package bus

import (
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
	key   string
	bytes []byte
	next  *form
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
// whoever asks is made once for all of them. The result must not be changed.
func (e *Entry) Form(key string, render func(m *feeds.Member) []byte) []byte {
	if !e.Shared() {
		return render(&e.Member)
	}
	head := e.forms.Load()
	n := 0
	for f := head; f != nil; f = f.next {
		if f.key == key {
			return f.bytes
		}
		n++
	}
	b := render(&e.Member)
	if n < maxForms {
		// A lost race costs one rendering; the other reader's stands.
		e.forms.CompareAndSwap(head, &form{key: key, bytes: b, next: head})
	}
	return b
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
