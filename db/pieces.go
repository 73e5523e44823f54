package db

import (
	"iter"

	"atommq/bus"
)

// repeatable returns pieces in a form that goes through them from the start each time, though each
// is asked for once, if transactions are run again. done ends it.
func (w *writer) repeatable(pieces iter.Seq[[]*bus.Op]) (again iter.Seq[[]*bus.Op], done func()) {
	if !w.repeats {
		return pieces, func() {}
	}
	next, stop := iter.Pull(pieces)
	var had [][]*bus.Op
	return func(yield func([]*bus.Op) bool) {
		for i := 0; ; i++ {
			if i == len(had) {
				ops, more := next()
				if !more {
					return
				}
				had = append(had, ops)
			}
			if !yield(had[i]) {
				return
			}
		}
	}, stop
}
