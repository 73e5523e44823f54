package bus

import "sync/atomic"

// Histogram counts values by their size. Counts[i] is how many are at most Bounds[i] and above the bound before; the last
// count, one more than there are bounds, is of those above all of them.
type Histogram struct {
	Bounds []float64
	Counts []uint64
	Sum    float64
}

// histogram is what a Histogram is read from. Its values are whole numbers of a unit.
type histogram struct {
	bounds []int64
	counts []atomic.Uint64
	sum    atomic.Int64
}

func newHistogram(bounds ...int64) *histogram {
	return &histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

func (h *histogram) note(value int64) {
	i := 0
	for i < len(h.bounds) && value > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(value)
}

// read returns what was counted, in units of unit.
func (h *histogram) read(unit float64) Histogram {
	out := Histogram{
		Bounds: make([]float64, len(h.bounds)),
		Counts: make([]uint64, len(h.counts)),
		Sum:    float64(h.sum.Load()) / unit,
	}
	for i, b := range h.bounds {
		out.Bounds[i] = float64(b) / unit
	}
	for i := range h.counts {
		out.Counts[i] = h.counts[i].Load()
	}
	return out
}
