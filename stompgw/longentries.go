package stompgw

import (
	"runtime"
	"slices"
	"sync"
	"weak"

	"atommq/bus"
)

// longEntries knows the long entries that connections have in hand, so that those who read the same
// from the log, at any time, hold it once. It keeps none of them in memory itself.
type longEntries struct {
	mu   sync.Mutex
	byID map[int64]weak.Pointer[bus.Entry]
}

// longEntry is how many bytes of XML a long entry has at least.
const longEntry = 64 << 10

// share has entries rendered once for all the connections that hold them. It returns those that are
// in hand already in place of the same.
func (l *longEntries) share(entries []*bus.Entry) []*bus.Entry {
	own := false
	for i, e := range entries {
		e.Share()
		known := l.one(e)
		if known != e && !own {
			entries, own = slices.Clone(entries), true // others have the slice, too
		}
		if known != e {
			entries[i] = known
		}
	}
	return entries
}

// one returns what is in hand in place of e. A long entry is rendered once for all.
func (l *longEntries) one(e *bus.Entry) *bus.Entry {
	if len(e.XML) < longEntry {
		return e
	}
	e = l.find(e)
	e.Share()
	return e
}

// find returns the entry in hand that is the same as e: e itself if there is none.
func (l *longEntries) find(e *bus.Entry) *bus.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[e.ID].Value(); known != nil {
		return known
	}
	if l.byID == nil {
		l.byID = make(map[int64]weak.Pointer[bus.Entry])
	}
	l.byID[e.ID] = weak.Make(e)
	runtime.AddCleanup(e, l.forget, e.ID)
	return e
}

// forget is called when nobody has an entry with this id any more.
func (l *longEntries) forget(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID[id].Value() == nil { // else it was read anew meanwhile
		delete(l.byID, id)
	}
}
