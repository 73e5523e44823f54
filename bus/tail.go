package bus

import (
	"cmp"
	"container/list"
	"slices"
)

// How much of a feed's end one tail may hold, and how much of it is read when it is first asked
// for. A tail holds the largest page that the HTTP interface gives, if its entries are small.
const (
	tailEntries = 1024
	loadEntries = 256
	entryCost   = 1024 // of an entry in memory beside its XML and renderings
	tailCost    = 2048 // of a tail without entries
)

// tail is what this node keeps of one feed in memory: the feed's description and its
// newest entries. The hub's mutex guards all of it, except that the entries within
// entries' length never change, so that readers share slices of it.
type tail struct {
	name    string
	feed    *Feed    // nil while not loaded, or when there is no such feed; never written to
	entries []*Entry // every entry with an id above floor, in order
	floor   int64
	known   int64 // every change up to this id is in here
	bytes   int   // cost of entries
	left    int   // how many of entries have left the feed
	epoch   int64 // that the last load ended in

	stale    bool          // another process, or a setting, changed the feed: load again
	shallow  bool          // only the description was loaded; entries holds what came since
	loading  chan struct{} // closed when the load under way ends
	buffered []change      // changes that came in during it
	pending  int           // cost of their entries

	share     int           // bound of pending
	place     *list.Element // in the hub's order; nil for a followed tail without entries
	followers int
	bell      // rung at each change of the feed
}

// change is one committed entry, as the tails need to know it.
type change struct {
	entry   *Entry
	entries int64 // what it adds to the feed's count of live entries
	bytes   int64 // and to its bytes
}

// whole reports whether the tail holds all that the feed keeps.
func (t *tail) whole() bool { return t.feed == nil || t.floor <= t.feed.Pruned }

// add puts c at the end. Changes arrive in order of id; one that is known
// already is passed over.
func (t *tail) add(c change) {
	if t.loading != nil {
		t.buffer(c)
		return
	}
	if t.stale || c.entry.ID <= t.known {
		return
	}
	if t.feed == nil {
		t.stale = true // the commit has made the feed; the store knows its uuid
		return
	}
	t.describe(c)
	t.append(c.entry)
	t.known = c.entry.ID
}

// departure is an entry that left a feed because it was acked, or, with an id of 0, any number of them.
type departure struct {
	feed  string
	id    int64
	bytes int64 // 0 where whoever acked it does not know
}

// depart takes account of an entry that has left. Those who follow the feed at its tail may still
// have to be shown it, so it stays in memory for them.
func (t *tail) depart(d departure, epoch int64) {
	if t.loading != nil || t.feed == nil || d.id == 0 || t.epoch == epoch {
		t.stale = true // the store's account may know of it already
		return
	}
	i, ok := slices.BinarySearchFunc(t.entries, d.id, byID)
	switch {
	case d.bytes == 0 && !ok:
		t.stale = true
		return
	case d.bytes == 0:
		d.bytes = int64(len(t.entries[i].XML))
	}
	f := *t.feed
	f.Entries--
	f.Bytes -= d.bytes
	t.feed = &f
	if ok && !t.entries[i].left {
		t.entries[i].left = true
		t.left++
	}
}

// present returns the entries that have not left.
func (t *tail) present() []*Entry {
	list := make([]*Entry, 0, len(t.entries)-t.left)
	for _, e := range t.entries {
		if !e.left {
			list = append(list, e)
		}
	}
	return list
}

// buffer keeps c until the load under way ends. Past the bounds it drops what it
// has and marks the tail stale: the load's outcome stands as the older state that
// it is, to be loaded again.
func (t *tail) buffer(c change) {
	if t.stale {
		return
	}
	t.buffered = append(t.buffered, c)
	t.pending += cost(c.entry)
	if len(t.buffered) > tailEntries || t.pending > t.share {
		t.stale = true
		t.dropBuffer()
	}
}

func (t *tail) dropBuffer() { t.buffered, t.pending = nil, 0 }

// describe counts c in the feed's description.
func (t *tail) describe(c change) {
	f := *t.feed
	f.LastID = c.entry.ID
	f.Updated = later(f.Updated, c.entry.Edited)
	f.Entries += c.entries
	f.Bytes += c.bytes
	t.feed = &f
}

// append puts e at the end and takes its former version out. A new slice is made only for
// that, and by the runtime when it grows: readers keep what they hold.
func (t *tail) append(e *Entry) {
	if i := t.find(e); i >= 0 {
		t.bytes -= cost(t.entries[i])
		t.entries = slices.Concat(t.entries[:i], t.entries[i+1:])
	}
	e.Share()
	t.entries = append(t.entries, e)
	t.bytes += cost(e)
	if len(t.entries) > tailEntries {
		t.trim(tailEntries / 4)
	}
}

// find returns the index of the former version of e, -1 when there is none.
func (t *tail) find(e *Entry) int {
	if e.Edits == 0 {
		return -1
	}
	return slices.IndexFunc(t.entries, func(o *Entry) bool { return o.UUID == e.UUID })
}

// trim forgets the n oldest entries. What is left is copied: a resliced array would
// keep the forgotten ones alive, and readers may share it. Callers trim many at once.
func (t *tail) trim(n int) {
	if n == 0 {
		return
	}
	for _, e := range t.entries[:n] {
		t.bytes -= cost(e)
		if e.left {
			t.left--
		}
	}
	t.floor = t.entries[n-1].ID
	t.entries = slices.Clone(t.entries[n:])
}

// fill takes over what was loaded.
func (t *tail) fill(l loaded, epoch int64) {
	t.feed, t.epoch = l.feed, epoch
	if l.same {
		return
	}
	former := t.entries
	t.entries, t.floor, t.known, t.bytes, t.shallow, t.left = l.entries, 0, 0, 0, l.shallow, 0
	for _, e := range l.entries {
		e.Share()
		t.bytes += cost(e)
	}
	if l.feed != nil {
		t.known = l.feed.LastID
	}
	if l.shallow {
		t.floor = t.known
	}
	if n := len(l.entries); n > 0 {
		t.known = max(t.known, l.entries[n-1].ID)
		if !l.whole {
			t.floor = l.entries[0].ID - 1
		}
	}
	if l.feed != nil && l.feed.UntilAcked {
		t.keepLeft(former)
	}
}

// keepLeft keeps those of the former entries that have left the feed since, for its live followers.
func (t *tail) keepLeft(former []*Entry) {
	uuids := make(map[string]bool, len(t.entries))
	for _, e := range t.entries {
		uuids[e.UUID] = true
	}
	var left []*Entry
	for _, e := range former {
		if e.ID > t.floor && !uuids[e.UUID] { // else it is here, or was edited
			e.left = true
			left = append(left, e)
			t.bytes += cost(e)
		}
	}
	if t.left = len(left); t.left > 0 {
		t.entries = append(left, t.entries...)
		slices.SortFunc(t.entries, func(a, b *Entry) int { return cmp.Compare(a.ID, b.ID) })
	}
}

// catchUp applies what came in during a load. The description and the entries were
// read one after the other, so each is compared with its own age. A tail that went stale
// meanwhile takes none of it: an entry of another process may belong in between.
func (t *tail) catchUp() {
	changes := t.buffered
	t.dropBuffer()
	if t.feed == nil && len(changes) > 0 {
		t.stale = true
	}
	if t.stale {
		return
	}
	for _, c := range changes {
		if c.entry.ID > t.feed.LastID {
			t.describe(c)
		}
		if c.entry.ID > t.known {
			t.append(c.entry)
			t.known = c.entry.ID
		}
	}
}

// page answers q from memory; ok is false when the tail does not reach back that far.
func (t *tail) page(q Query) (page []*Entry, more, ok bool) {
	entries := t.entries
	if t.left > 0 && !q.Left {
		entries = t.present()
	}
	switch {
	case q.Newest && q.After == 0:
		return t.newest(entries, q)
	case !q.Newest && q.Before == 0:
		return t.after(entries, q)
	}
	return nil, false, false
}

// after returns the entries above the cursor that q allows, and whether there are more. ok is
// false when the tail does not reach back that far.
func (t *tail) after(entries []*Entry, q Query) (page []*Entry, more, ok bool) {
	if q.After < t.floor {
		return nil, false, false
	}
	i, seen := slices.BinarySearchFunc(entries, q.After, byID)
	if seen {
		i++
	}
	n := fit(entries[i:], q.Limit, q.Bytes)
	return entries[i : i+n : i+n], i+n < len(entries), true
}

// newest returns the entries below q.Before (0: no bound) that q allows, the newest ones
// first, as after does.
func (t *tail) newest(entries []*Entry, q Query) (page []*Entry, more, ok bool) {
	end := len(entries)
	if q.Before > 0 {
		end, _ = slices.BinarySearchFunc(entries, q.Before, byID)
	}
	page = make([]*Entry, 0, min(q.Limit, end))
	for i, size := end-1, 0; i >= 0 && len(page) < q.Limit && size <= q.Bytes; i-- {
		page = append(page, entries[i])
		size += len(entries[i].XML)
	}
	more = len(page) < end
	if !more && !t.whole() {
		return nil, false, false
	}
	return page, more, true
}

// fit counts the entries of a page: at most limit, and none more once the XML passes bytes.
func fit(entries []*Entry, limit, bytes int) int {
	size := 0
	for i, e := range entries {
		if i == limit || size > bytes {
			return i
		}
		size += e.size()
	}
	return len(entries)
}

// size sums the XML of entries, in bytes.
func size(entries []*Entry) int {
	n := 0
	for _, e := range entries {
		n += e.size()
	}
	return n
}

func byID(e *Entry, id int64) int { return cmp.Compare(e.ID, id) }

// cost is what an entry takes in memory: its XML, and about as much for each form.
func cost(e *Entry) int {
	return (1+maxForms)*len(e.XML) + len(e.Title) + len(e.AtomID) + entryCost
}

// changesOf lists what op committed, in order of id.
func changesOf(op *Op, into []change) []change {
	for i := range op.Posts {
		p := &op.Posts[i]
		if p.Replayed || p.Entry.ID <= 0 { // nothing was written, or a draft
			continue
		}
		c := change{entry: p.Entry, bytes: int64(len(p.Entry.XML)) - op.Freed}
		switch {
		case op.Kind == OpPublish, op.Born:
			c.entries = 1
		case op.Kind == OpRemove:
			c.entries = -1
		}
		into = append(into, c)
	}
	return into
}
