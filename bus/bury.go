package bus

import (
	"context"
	"slices"
)

// portionBytes bounds the entries of dead letters that are made together of what was taken from
// consumers: each is in memory twice until it is written, as it was and as a letter.
const portionBytes = 4 << 20

// buryLost is the burier: it makes dead letters of what was lost for the last time, a portion at a
// time, however much that is. Others neither wait for it to read nor to write.
func (b *Bus) buryLost(ctx context.Context) {
	for {
		select {
		case <-b.desk.buriable:
		case <-ctx.Done():
			return
		}
		for b.buryPortion(ctx) {
		}
	}
}

// buryPortion makes dead letters of some, and waits until they are written. It reports whether to
// go on at once. Once ctx has ended, the store gives everything back that this node has.
func (b *Bus) buryPortion(ctx context.Context) (more bool) {
	d := b.desk
	lost := d.takePortion()
	if len(lost) == 0 {
		return false
	}
	read, err := b.reload(ctx, lost)
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		lost = d.putOff(lost, err)
	}
	if len(lost) == 0 {
		return true
	}
	done := make(waiter, 1)
	t := &ticket{op: Op{Kind: OpPublish}, owner: done}
	for _, e := range lost {
		t.giveBack(e, e.cause)
	}
	b.unloadAgain(read)
	// It takes no room: whom should that slow down?
	if b.intake.append(t) != nil {
		return false
	}
	b.intake.signal()
	if <-done != nil { // the store would not take the others either
		d.putLastOff()
		return false
	}
	return true
}

// takePortion returns those that become dead letters next, in the order in which they were lost:
// one that is longer than a portion comes alone.
func (d *desk) takePortion() []*Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := d.losses.last
	n, bytes := 0, int64(0)
	for n < len(last) && n < releaseBatch && (n == 0 || bytes+last[n].Bytes <= portionBytes) {
		bytes += last[n].Bytes
		n++
	}
	portion := slices.Clone(last[:n])
	if d.losses.last = slices.Delete(last, 0, n); len(d.losses.last) == 0 {
		d.losses.last = nil
	}
	return portion
}

// putLastOff has the keeper try again, in a second, what was lost for the last time.
func (d *desk) putLastOff() {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := d.losses.last
	d.losses.last = nil
	for _, e := range last {
		d.failedAgain(e)
	}
}

// leaveLast leaves those of lost that have used up their attempts to buryLost, and returns the
// others. Callers hold d.mu.
func (d *desk) leaveLast(lost []*Delivery) (others []*Delivery) {
	others = lost[:0]
	for _, e := range lost {
		if e.cause != "" && e.usedUp() {
			d.losses.last = append(d.losses.last, e)
		} else {
			others = append(others, e)
		}
	}
	if len(others) < len(lost) {
		select {
		case d.buriable <- struct{}{}:
		default:
		}
	}
	return others
}
