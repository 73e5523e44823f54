package bus

import "sync/atomic"

// Histogram counts values by their size. Counts[i] is how many are at most Bounds[i] and above the bound before; the last
// count, one more than there are bounds, is of those above all of them.
type Histogram struct {
	Bounds []float64
	Counts []uint64
	Sum    float64
}

// Meter is what a Histogram is read from. Its values are whole numbers of a unit.
type Meter struct {
	bounds []int64
	counts []atomic.Uint64
	sum    atomic.Int64
}

// NewMeter returns a Meter with these bounds, the least first.
func NewMeter(bounds ...int64) *Meter {
	return &Meter{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Note counts a value.
func (m *Meter) Note(value int64) {
	i := 0
	for i < len(m.bounds) && value > m.bounds[i] {
		i++
	}
	m.counts[i].Add(1)
	m.sum.Add(value)
}

// Read returns what was counted, in units of unit.
func (m *Meter) Read(unit float64) Histogram {
	out := Histogram{
		Bounds: make([]float64, len(m.bounds)),
		Counts: make([]uint64, len(m.counts)),
		Sum:    float64(m.sum.Load()) / unit,
	}
	for i, b := range m.bounds {
		out.Bounds[i] = float64(b) / unit
	}
	for i := range m.counts {
		out.Counts[i] = m.counts[i].Load()
	}
	return out
}
