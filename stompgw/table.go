package stompgw

import (
	"hash/maphash"
	"iter"
)

// seed makes hashes that no client can foresee.
var seed = maphash.MakeSeed()

func hashOf(key string) uint32 { return uint32(maphash.String(seed, key)) }

// table is a set of pointers that are found by a key, as K says: open addressing with linear
// probing, between half and three quarters full. Its zero value is empty.
type table[E comparable, K keying[E]] struct {
	slots []E
	used  int
}

// keying says what the key of an entry is. Its zero value does.
type keying[E any] interface {
	key(e E) string
	hash(e E) uint32            // of the key
	differs(e E, h uint32) bool // the hash is known, and another one
}

// feedTable finds the first follow of each feed, or prefix.
type feedTable = table[*follow, byFeed]

type byFeed struct{}

func (byFeed) key(s *follow) string             { return s.feed() }
func (byFeed) hash(s *follow) uint32            { return s.hash }
func (byFeed) differs(s *follow, h uint32) bool { return s.hash != h }

// idTable finds the subscriptions of a connection by their ids.
type idTable[E subscribed] = table[E, byID[E]]

type subscribed interface {
	comparable
	id() string
}

// byID does without keeping the hashes: there are few moments that need them.
type byID[E subscribed] struct{}

func (byID[E]) key(e E) string         { return e.id() }
func (byID[E]) hash(e E) uint32        { return hashOf(e.id()) }
func (byID[E]) differs(E, uint32) bool { return false }

const firstSlots = 4

// home is where a hash belongs if the slot is free: where it stands among all hashes. So any number
// of slots will do, and tables need not double.
func (t *table[E, K]) home(hash uint32) int { return int(uint64(hash) * uint64(len(t.slots)) >> 32) }

func (t *table[E, K]) after(slot int) int {
	if slot++; slot < len(t.slots) {
		return slot
	}
	return 0
}

// distance is how far behind home a slot is.
func (t *table[E, K]) distance(home, slot int) int {
	if slot >= home {
		return slot - home
	}
	return slot + len(t.slots) - home
}

// get returns the entry with a key, nil for none.
func (t *table[E, K]) get(key string) E { return t.find(hashOf(key), key) }

func (t *table[E, K]) find(hash uint32, key string) E {
	var none E
	if t.used == 0 {
		return none
	}
	var by K
	for i := t.home(hash); ; i = t.after(i) {
		e := t.slots[i]
		if e == none || !by.differs(e, hash) && by.key(e) == key {
			return e
		}
	}
}

// all yields the entries, in any order.
func (t *table[E, K]) all() iter.Seq[E] {
	return func(yield func(E) bool) {
		var none E
		for _, e := range t.slots {
			if e != none && !yield(e) {
				return
			}
		}
	}
}

// add enters e, whose key is not there.
func (t *table[E, K]) add(hash uint32, e E) {
	if 4*(t.used+1) > 3*len(t.slots) {
		t.resize(max(firstSlots, len(t.slots)*3/2))
	}
	t.used++
	t.put(hash, e)
}

func (t *table[E, K]) put(hash uint32, e E) {
	var none E
	i := t.home(hash)
	for t.slots[i] != none {
		i = t.after(i)
	}
	t.slots[i] = e
}

func (t *table[E, K]) resize(slots int) {
	var none E
	var by K
	old := t.slots
	t.slots = make([]E, slots)
	for _, e := range old {
		if e != none {
			t.put(by.hash(e), e)
		}
	}
}

// place returns the slot of e, which is there.
func (t *table[E, K]) place(hash uint32, e E) int {
	i := t.home(hash)
	for t.slots[i] != e {
		i = t.after(i)
	}
	return i
}

// replace puts e, whose key is the same, where old stands.
func (t *table[E, K]) replace(hash uint32, old, e E) { t.slots[t.place(hash, old)] = e }

// remove takes out e, and closes the hole: whoever stands behind it and would now be looked for in
// vain moves up.
func (t *table[E, K]) remove(hash uint32, e E) {
	var none E
	var by K
	hole := t.place(hash, e)
	for i := t.after(hole); t.slots[i] != none; i = t.after(i) {
		home := t.home(by.hash(t.slots[i]))
		if t.distance(home, i) >= t.distance(hole, i) {
			t.slots[hole] = t.slots[i]
			hole = i
		}
	}
	t.slots[hole] = none
	t.used--
	if 4*t.used < len(t.slots) {
		t.resize(2 * t.used)
	}
}
