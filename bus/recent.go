package bus

import "slices"

// recentPart is the part of the memory for recent entries that recent may take.
const recentPart = 4

// recent holds the entries that this node published last, so that those which are claimed soon
// after need not be read.
type recent struct {
	entries []*Entry // in order of id
	bytes   int      // cost of entries
	limit   int      // of bytes
}

// handedOut is what an entry takes in memory: its XML, the MESSAGE made of it, and the rest.
func handedOut(e *Entry) int { return cost(e) - (maxForms-1)*len(e.XML) }

// add takes in entries with ids above all others.
func (r *recent) add(entries []*Entry) {
	for _, e := range entries {
		if !e.Deleted {
			r.entries = append(r.entries, e)
			r.bytes += handedOut(e)
		}
	}
	if r.bytes > r.limit {
		r.trim()
	}
}

// trim forgets the older ones until half of the limit is left, so that it is rarely done.
func (r *recent) trim() {
	n := 0
	for ; r.bytes > r.limit/2; n++ {
		r.bytes -= handedOut(r.entries[n])
	}
	// What is left is copied: a resliced array would keep the forgotten ones alive.
	r.entries = slices.Clone(r.entries[n:])
}

// find returns the entry with this id, nil when it is not held.
func (r *recent) find(id int64) *Entry {
	i, ok := slices.BinarySearchFunc(r.entries, id, byID)
	if !ok {
		return nil
	}
	return r.entries[i]
}
