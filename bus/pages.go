package bus

import (
	"context"
	"slices"
	"sync"
	"time"
)

// The bounds of pages: what is read at once, what is kept of it in all, and for how long.
const (
	sharedEntries = 1024
	sharedBytes   = 1 << 20
	keptBytes     = 16 << 20
	keptFor       = 5 * time.Second
)

// pages lets those who lag on the same feed share what is read for them: those who fall behind do
// so at about the same place, and a page of the log that is read and rendered for one serves the
// others. It is kept for a few seconds only, because of entries that are deleted meanwhile.
type pages struct {
	bus *Bus

	mu    sync.Mutex
	logs  map[logName]*pagedLog
	order []*page // the oldest first
	bytes int
}

// logName is what a page is of.
type logName struct {
	name   string
	prefix bool
}

// pagedLog is what is known of one feed, or of those whose names begin alike.
type pagedLog struct {
	pages   []*page
	reading chan struct{} // closed when a reading under way ends; nil when nobody reads
}

// page is everything that there was above after, up to its last entry.
type page struct {
	log     logName
	after   int64
	entries []*Entry
	bytes   int
	read    time.Time
	lost    *[]Pruned // as of Slice
}

func newPages(b *Bus) *pages { return &pages{bus: b, logs: make(map[logName]*pagedLog)} }

// ReadShared is Read for those who follow, oldest first, and have fallen behind: they share what is
// read for them. What it returns may be some seconds old, so that entries come in the state they
// had then. Slice.Feed is nil. With Prefix, q.Gaps has to be set, and LossBehind asked: what is a
// gap for one of them is none for another.
func (b *Bus) ReadShared(ctx context.Context, q Query) (*Slice, error) {
	return b.pages.next(ctx, b.bounded(q))
}

// next returns what comes next for a follower, as Bus.Read does. More is also set where that is not known.
func (p *pages) next(ctx context.Context, q Query) (*Slice, error) {
	name := logName{q.Feed, q.Prefix}
	for waited := false; ; waited = true {
		s, reading := p.find(name, q, waited)
		if s != nil {
			return s, nil
		}
		if reading == nil {
			break
		}
		select {
		case <-reading:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return p.readPage(ctx, name, q)
}

// find looks for a page. If there is none, it returns a channel to wait for whoever is reading
// the same log, once; or nil, and then the caller reads.
func (p *pages) find(name logName, q Query, waited bool) (*Slice, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(time.Now().Add(-keptFor))
	l := p.logs[name]
	if l == nil {
		l = &pagedLog{}
		p.logs[name] = l
	}
	for _, have := range l.pages {
		if have.after <= q.After && q.After < have.entries[len(have.entries)-1].ID {
			i, _ := slices.BinarySearchFunc(have.entries, q.After+1, byID)
			rest := have.entries[i:]
			return &Slice{Entries: rest[:fit(rest, q.Limit, q.Bytes)], More: true, lost: have.lost}, nil
		}
	}
	if l.reading != nil && !waited {
		return nil, l.reading
	}
	if l.reading == nil {
		l.reading = make(chan struct{})
	}
	return nil, nil
}

// readPage reads a page, and keeps it for others, or for the caller's next call, if there is more
// than q asks for.
func (p *pages) readPage(ctx context.Context, name logName, q Query) (*Slice, error) {
	wide := q
	wide.Limit, wide.Bytes = sharedEntries, sharedBytes
	s, err := p.bus.Read(ctx, wide)
	if err == nil && q.Prefix {
		s.lost, err = p.bus.prunedAbove(ctx, q) // behind the entries, as it tells what is missing of them
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.logs[name]; l != nil && l.reading != nil {
		close(l.reading)
		l.reading = nil
	}
	if err != nil {
		p.release(name)
		return nil, err
	}
	some := s.Entries[:fit(s.Entries, q.Limit, q.Bytes)]
	more := s.More || len(some) < len(s.Entries)
	if more && len(some) > 0 {
		p.keep(name, q.After, s)
	} else {
		p.release(name)
	}
	return &Slice{Entries: some, More: more, lost: s.lost}, nil
}

// keep adds a page. Callers hold p.mu.
func (p *pages) keep(name logName, after int64, s *Slice) {
	fresh := &page{log: name, after: after, entries: s.Entries, read: time.Now(), lost: s.lost}
	for _, e := range s.Entries {
		e.Share()
		fresh.bytes += len(e.XML)
	}
	l := p.logs[name]
	if l == nil {
		l = &pagedLog{}
		p.logs[name] = l
	}
	l.pages = append(l.pages, fresh)
	p.order = append(p.order, fresh)
	p.bytes += fresh.bytes
	for p.bytes > keptBytes && len(p.order) > 1 {
		p.drop()
	}
}

// forget drops pages read before t. Callers hold p.mu.
func (p *pages) forget(t time.Time) {
	for len(p.order) > 0 && p.order[0].read.Before(t) {
		p.drop()
	}
}

// drop forgets the oldest page. Callers hold p.mu.
func (p *pages) drop() {
	oldest := p.order[0]
	p.order = slices.Delete(p.order, 0, 1)
	p.bytes -= oldest.bytes
	l := p.logs[oldest.log]
	l.pages = slices.DeleteFunc(l.pages, func(o *page) bool { return o == oldest })
	p.release(oldest.log)
}

// release forgets a log of which there is nothing to know. Callers hold p.mu.
func (p *pages) release(name logName) {
	if l := p.logs[name]; l != nil && len(l.pages) == 0 && l.reading == nil {
		delete(p.logs, name)
	}
}
