package bus

import (
	"context"
	"fmt"
	"slices"
)

// How much of the log's end is kept for those who follow several feeds.
const (
	logEntries = 4096
	logLoad    = 1024 // what other processes wrote is read up to so many entries back
)

// logTail is the end of the log over all feeds, in one order: what those read who follow several at
// once. It is kept while there are any. The hub's mutex guards it, except that entries within
// entries' length never change.
type logTail struct {
	entries []*Entry // every one with an id above floor, up to known, but for those that were edited since
	floor   int64
	known   int64
	bytes   int  // cost of entries
	stale   bool // other processes wrote since known
	used    bool
	loading chan struct{} // holds a token while somebody reads what they wrote
}

// begin makes l hold what comes after head.
func (l *logTail) begin(head int64) {
	l.entries, l.bytes, l.floor, l.known, l.stale, l.used = nil, 0, head, head, false, true
}

func (l *logTail) end() { l.entries, l.bytes, l.used = nil, 0, false }

// add puts an entry at the end, and takes its former version out.
func (l *logTail) add(e *Entry) {
	if e.Edits > 0 {
		if i := slices.IndexFunc(l.entries, func(o *Entry) bool { return o.UUID == e.UUID }); i >= 0 {
			l.bytes -= cost(l.entries[i])
			l.entries = slices.Concat(l.entries[:i], l.entries[i+1:])
		}
	}
	e.Share()
	l.entries = append(l.entries, e)
	l.bytes += cost(e)
	l.known = e.ID
}

// trim forgets the older half when there are too many entries for the bounds. What is left is
// copied, as tails do.
func (l *logTail) trim(limit int) {
	if len(l.entries) <= logEntries && l.bytes <= limit {
		return
	}
	n := 0
	for n < len(l.entries) && (len(l.entries)-n > logEntries/2 || l.bytes > limit/2) {
		l.bytes -= cost(l.entries[n])
		n++
	}
	l.floor = l.entries[n-1].ID
	l.entries = slices.Clone(l.entries[n:])
}

// after returns the entries above an id; ok is false when l does not reach back that far.
func (l *logTail) after(id int64) (entries []*Entry, ok bool) {
	if !l.used || id < l.floor {
		return nil, false
	}
	i, seen := slices.BinarySearchFunc(l.entries, id, byID)
	if seen {
		i++
	}
	return l.entries[i:len(l.entries):len(l.entries)], true
}

// extendLog takes committed entries into the log's tail. Callers hold h.mu.
func (h *hub) extendLog(changes []change) {
	l := &h.log
	if !l.used || l.stale {
		return
	}
	before := l.bytes
	for i := range changes {
		if changes[i].entry.ID > l.known { // else it was read together with what others wrote
			l.add(changes[i].entry)
		}
	}
	l.trim(h.limit / tailShare)
	h.bytes += l.bytes - before
}

// resetLog forgets the log's tail, as when entries left the log. Callers hold h.mu.
func (h *hub) resetLog() {
	if h.log.used {
		h.bytes -= h.log.bytes
		h.log.begin(h.head.Load())
	}
}

// watchSelection counts a follower of several feeds.
func (h *hub) watchSelection(s Selection) *watch {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watches.all) == 0 {
		h.log.begin(h.head.Load())
	}
	return h.watches.enter(s)
}

func (h *hub) unwatchSelection(w *watch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watches.leave(w)
	if len(h.watches.all) == 0 {
		h.bytes -= h.log.bytes
		h.log.end()
	}
}

// newer returns all entries above an id, and the id up to which they are all there is; ok is false when
// memory does not reach back that far. It knows of everything that had been announced when it was called.
func (h *hub) newer(ctx context.Context, after int64) (entries []*Entry, known int64, ok bool, err error) {
	head := h.head.Load()
	h.mu.Lock()
	for h.log.stale && h.log.known < head {
		h.mu.Unlock()
		if err := h.loadLog(ctx, head); err != nil {
			return nil, 0, false, err
		}
		h.mu.Lock()
	}
	defer h.mu.Unlock()
	entries, ok = h.log.after(after)
	return entries, h.log.known, ok, nil
}

// loadLog reads what other processes wrote, up to head at least unless that is too much for one
// reading. One caller reads for all.
func (h *hub) loadLog(ctx context.Context, head int64) error {
	select {
	case h.log.loading <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-h.log.loading }()
	h.mu.Lock()
	from, needed := h.log.known, h.log.stale && h.log.known < head
	if needed && head-from > logLoad {
		h.resetLog() // it is newer than head
		needed = false
	}
	h.mu.Unlock()
	if !needed {
		return nil
	}
	q := Query{Prefix: true, After: from, Limit: logLoad, Bytes: h.limit / tailShare / 4}
	entries, err := h.store.Read(ctx, q)
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.log.stale || h.log.known != from {
		return nil // it was reset meanwhile
	}
	h.joinLog(entries, head, len(entries) == q.Limit || size(entries) > q.Bytes)
	return nil
}

// joinLog takes over what was read behind the log's tail, which is everything up to head unless the
// reading was cut short. Callers hold h.mu.
func (h *hub) joinLog(entries []*Entry, head int64, short bool) {
	l := &h.log
	before := l.bytes
	for _, e := range entries {
		l.add(e)
	}
	if !short {
		l.known = max(l.known, head)
	}
	l.trim(h.limit / tailShare)
	l.stale = l.known < h.head.Load()
	h.bytes += l.bytes - before
	h.shrink()
}
