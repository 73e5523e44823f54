package bus

import "sync/atomic"

// Histogram counts values by their size. Counts[i] is how many are at most Bounds[i] and above the
// bound before; the last count, one more than there are bounds, is of those above all of them.
type Histogram struct {
	Bounds []float64
	Counts []uint64
	Sum    float64
}

// Buckets is what a Histogram is read from. Its values are whole numbers of a unit.
type Buckets struct {
	bounds []int64
	counts []atomic.Uint64
	sum    atomic.Int64
}

// NewBuckets returns Buckets with these bounds, the least first.
func NewBuckets(bounds ...int64) *Buckets {
	return &Buckets{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Note counts a value.
func (b *Buckets) Note(value int64) {
	i := 0
	for i < len(b.bounds) && value > b.bounds[i] {
		i++
	}
	b.counts[i].Add(1)
	b.sum.Add(value)
}

// Read returns what was counted, in units of unit.
func (b *Buckets) Read(unit float64) Histogram {
	out := Histogram{
		Bounds: make([]float64, len(b.bounds)),
		Counts: make([]uint64, len(b.counts)),
		Sum:    float64(b.sum.Load()) / unit,
	}
	for i, bound := range b.bounds {
		out.Bounds[i] = float64(bound) / unit
	}
	for i := range b.counts {
		out.Counts[i] = b.counts[i].Load()
	}
	return out
}
