package bus

import (
	"container/heap"
	"errors"
	"time"
)

// settle takes the outcome of what a commit settles: that gives credit.
func (d *desk) settle(m *batch, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range m.tickets {
		switch {
		case len(t.settles) > 0:
			d.settled(t, err)
		case t.op.Kind == OpDrop && err == nil && t.op.Err == nil:
			d.dropped(t.op.Drop)
		}
	}
}

// dropped takes note that the queues of a feed are gone. Callers hold d.mu.
func (d *desk) dropped(feed string) {
	for w := d.queues.of(feed); w != nil; w = w.sibling() {
		d.beginAnew(w)
	}
}

// beginAnew has the keeper make w anew, which the store has no more. Callers hold d.mu.
func (d *desk) beginAnew(w *workQueue) {
	w.id = 0
	d.losses.retryAt = time.Now()
	d.signal()
}

// settled takes the outcome of a ticket's settlements. Callers hold d.mu.
func (d *desk) settled(t *ticket, err error) {
	failed := err != nil || t.op.Err != nil
	for i, e := range t.settles {
		if errors.Is(t.op.Err, ErrClaimLost) {
			d.rejoinSoon(e.Node)
		}
		verdict := t.op.Settle[i].Verdict
		back := verdict.givesBack()
		switch {
		case e.state == deliverySettling && failed:
			d.restore(e)
		case e.state == deliverySettling:
			d.lose(e)
			if verdict != Leased || t.op.Settle[i].Lost {
				d.credit(e.consumer)
			}
		case e.state == deliveryLeased:
			back = back && !failed
		case failed: // a release: its consumer has lost it already
			d.failedAgain(e)
		default:
			back = true
		}
		if w := d.queueOf(e); w != nil && back {
			w.passOver(e.consumer)
			d.stir(w)
		}
	}
}

// passOver lets the others have what c gave back, where there are others.
func (w *workQueue) passOver(c *Consumer) {
	if w.turn == c {
		w.turn = c.next
	}
}

// restore gives a delivery that was not settled back to its consumer; to the queue when that one has
// closed meanwhile, and to nobody when others have given it to somebody else. Callers hold d.mu.
func (d *desk) restore(e *Delivery) {
	switch {
	case e.Node != d.node:
		d.lose(e)
		d.credit(e.consumer)
		return
	case e.consumer.closed:
		d.giveUp(e, "")
		d.retryLater()
		return
	}
	e.state = deliveryHeld
	if e.deadline > 0 && e.timer == 0 { // it passed meanwhile
		heap.Push(&d.timers, e)
		d.signal()
	}
}
