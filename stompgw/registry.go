package stompgw

// registry finds the follows of a feed, or of a prefix. Those of one feed are linked in a ring, the
// first of them stands in a table. At a million follows the tables are the larger part of what the
// registry takes, so they hold nothing but pointers; being many and small, they grow without
// anybody waiting for it.
type registry struct {
	tables [256]feedTable // by the hash's lower bits
	size   int            // follows in it
	// several counts the rings of more than one follow, by the first of them.
	several map[*follow]int
}

func newRegistry() *registry { return &registry{several: make(map[*follow]int)} }

func (r *registry) table(hash uint32) *feedTable { return &r.tables[hash%uint32(len(r.tables))] }

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
