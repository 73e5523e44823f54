package bus

import "slices"

// recentPart is the part of the memory for recent entries that recent may take.
const recentPart = 4

// recent holds entries that this node published, so that those which are claimed soon after need not be read.
//
// When it is full it takes in no more until a part of what it holds was claimed: a queue hands out
// first what it had first, so to keep the newest of a backlog that is longer than all this would be
// to find none, ever. Where that is not claimed while many others go by, it makes way for them.
type recent struct {
	entries []recentEntry // in order of id
	bytes   int           // cost of entries
	limit   int           // of bytes
	claimed int           // of entries
	passed  int           // entries that went by since it was full
}

type recentEntry struct {
	*Entry
	claimed bool
}

// handedOut is what an entry takes in memory: its XML, the MESSAGE made of it, and the rest.
func handedOut(e *Entry) int { return cost(e) - (maxForms-1)*len(e.XML) }

// recentPatience is how many times as many entries as are held may go by before those make way.
const recentPatience = 8

// add takes in e, whose id is above all others, if there is room.
func (r *recent) add(e *Entry) {
	if e.Deleted {
		return
	}
	size := handedOut(e)
	if r.bytes+size > r.limit {
		if r.makeRoom(); r.bytes+size > r.limit {
			return
		}
	}
	e.Share()
	r.entries = append(r.entries, recentEntry{Entry: e})
	r.bytes += size
}

// makeRoom forgets what was claimed if that is a quarter of all, so that it is rarely done.
func (r *recent) makeRoom() {
	r.passed++
	if r.passed > recentPatience*len(r.entries) {
		*r = recent{limit: r.limit}
		return
	}
	if r.claimed == 0 || r.claimed < len(r.entries)/4 {
		return
	}
	kept := r.entries[:0]
	for _, e := range r.entries {
		if e.claimed {
			r.bytes -= handedOut(e.Entry)
		} else {
			kept = append(kept, e)
		}
	}
	clear(r.entries[len(kept):])
	r.entries, r.claimed, r.passed = kept, 0, 0
}

// claim returns the entry with this id, which is handed out, nil when it is not held. Another queue
// may still find it.
func (r *recent) claim(id int64) *Entry {
	i, ok := slices.BinarySearchFunc(r.entries, id, func(e recentEntry, id int64) int { return byID(e.Entry, id) })
	if !ok {
		return nil
	}
	e := &r.entries[i]
	if !e.claimed {
		e.claimed = true
		r.claimed++
	}
	return e.Entry
}
