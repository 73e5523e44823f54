package stompgw

import "hash/maphash"

// registry finds the follows of a feed, or of a prefix. Those of one feed are linked in a ring, the first of them
// stands in a table. At a million follows the tables are the larger part of what the registry takes, so
// they hold nothing but pointers; being many and small, they grow without anybody waiting for it.
type registry struct {
	tables [256]table // by the hash's lower bits
	size   int        // follows in it
	// several counts the rings of more than one follow, by the first of them.
	several map[*follow]int
}

func newRegistry() *registry { return &registry{several: make(map[*follow]int)} }

// seed makes hashes that no client can foresee.
var seed = maphash.MakeSeed()

func hashOf(key string) uint32 { return uint32(maphash.String(seed, key)) }

func (r *registry) table(hash uint32) *table { return &r.tables[hash%uint32(len(r.tables))] }

// first returns one follow of a feed, from which next leads round all of them, or nil.
func (r *registry) first(feed string) *follow {
	hash := hashOf(feed)
	return r.table(hash).find(hash, feed)
}

// count returns how many follows a feed has.
func (r *registry) count(feed string) int {
	first := r.first(feed)
	switch {
	case first == nil:
		return 0
	case first.next == first:
		return 1
	}
	return r.several[first]
}

func (r *registry) add(s *follow) {
	r.size++
	s.hash = hashOf(s.feed())
	t := r.table(s.hash)
	first := t.find(s.hash, s.feed())
	if first == nil {
		s.next, s.prev = s, s
		t.add(s.hash, s)
		return
	}
	s.next, s.prev = first, first.prev
	s.prev.next, first.prev = s, s
	r.several[first] = max(r.several[first], 1) + 1
}

func (r *registry) remove(s *follow) {
	r.size--
	t := r.table(s.hash)
	if s.next == s {
		t.remove(s.hash, s)
		return
	}
	first := t.find(s.hash, s.feed())
	n := r.several[first] - 1
	delete(r.several, first)
	if first == s {
		t.replace(s.hash, s, s.next)
		first = s.next
	}
	if n > 1 {
		r.several[first] = n
	}
	s.prev.next, s.next.prev = s.next, s.prev
}

// table is a set of follows by the name of their feed, or by their id: open addressing with
// linear probing, between half and three quarters full. Its zero value is empty.
type table struct {
	slots []*follow
	used  int
	byID  bool
}

const firstSlots = 4

func (t *table) key(s *follow) string {
	if t.byID {
		return s.id()
	}
	return s.feed()
}

// hash does without keeping the hashes of ids: there are few moments that need them.
func (t *table) hash(s *follow) uint32 {
	if t.byID {
		return hashOf(s.id())
	}
	return s.hash
}

// home is where a hash belongs if the slot is free: where it stands among all hashes. So any number of
// slots will do, and tables need not double.
func (t *table) home(hash uint32) int { return int(uint64(hash) * uint64(len(t.slots)) >> 32) }

func (t *table) after(slot int) int {
	if slot++; slot < len(t.slots) {
		return slot
	}
	return 0
}

// distance is how far behind home a slot is.
func (t *table) distance(home, slot int) int {
	if slot >= home {
		return slot - home
	}
	return slot + len(t.slots) - home
}

func (t *table) find(hash uint32, key string) *follow {
	if t.used == 0 {
		return nil
	}
	for i := t.home(hash); ; i = t.after(i) {
		s := t.slots[i]
		if s == nil || (t.byID || s.hash == hash) && t.key(s) == key {
			return s
		}
	}
}

// add enters s, whose key is not there.
func (t *table) add(hash uint32, s *follow) {
	if 4*(t.used+1) > 3*len(t.slots) {
		t.resize(max(firstSlots, len(t.slots)*3/2))
	}
	t.used++
	t.put(hash, s)
}

func (t *table) put(hash uint32, s *follow) {
	i := t.home(hash)
	for t.slots[i] != nil {
		i = t.after(i)
	}
	t.slots[i] = s
}

func (t *table) resize(slots int) {
	old := t.slots
	t.slots = make([]*follow, slots)
	for _, s := range old {
		if s != nil {
			t.put(t.hash(s), s)
		}
	}
}

// place returns the slot of s, which is there.
func (t *table) place(hash uint32, s *follow) int {
	i := t.home(hash)
	for t.slots[i] != s {
		i = t.after(i)
	}
	return i
}

// replace puts s, whose key is the same, where old stands.
func (t *table) replace(hash uint32, old, s *follow) { t.slots[t.place(hash, old)] = s }

// remove takes out s, and closes the hole: whoever stands behind it and would now be looked for in
// vain moves up.
func (t *table) remove(hash uint32, s *follow) {
	hole := t.place(hash, s)
	for i := t.after(hole); t.slots[i] != nil; i = t.after(i) {
		home := t.home(t.hash(t.slots[i]))
		if t.distance(home, i) >= t.distance(hole, i) {
			t.slots[hole] = t.slots[i]
			hole = i
		}
	}
	t.slots[hole] = nil
	t.used--
	if 4*t.used < len(t.slots) {
		t.resize(2 * t.used)
	}
}
