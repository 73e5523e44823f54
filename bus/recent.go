package bus

import "slices"

const (
	recentEntries = 16384
	recentBytes   = 8 << 20 // of XML
)

// recent holds the entries that this node published last, so that those which are claimed soon
// after need not be read.
type recent struct {
	entries []*Entry // in order of id
	bytes   int
}

// add takes in entries with ids above all others.
func (r *recent) add(entries []*Entry) {
	for _, e := range entries {
		if !e.Deleted {
			r.entries = append(r.entries, e)
			r.bytes += len(e.XML)
		}
	}
	if len(r.entries) > recentEntries || r.bytes > recentBytes {
		r.trim()
	}
}

// trim forgets the older ones until half of the bounds is left, so that it is rarely done.
func (r *recent) trim() {
	n := 0
	for left := len(r.entries); left > recentEntries/2 || r.bytes > recentBytes/2; left-- {
		r.bytes -= len(r.entries[n].XML)
		n++
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
