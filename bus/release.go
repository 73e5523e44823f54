package bus

import "time"

// losses are the deliveries that were taken from their consumers and are on their way back to the
// queue. The desk's lock guards them.
type losses struct {
	list     []*Delivery     // that no ticket releases yet
	last     []*Delivery     // that have used up their attempts: buryLost makes dead letters of them
	failed   []*Delivery     // whose release could not be written
	retryAt  time.Time       // when to try again what has failed; zero for nothing
	underway map[int64]int32 // by queue, those that no commit has released: nothing is claimed meanwhile, or what lies behind them would come first
}

// giveUp takes e from its consumer, for the given cause or without anybody's fault, and back to the
// queue; release sends it on its way. Callers hold d.mu.
func (d *desk) giveUp(e *Delivery, cause string) {
	if e.consumer != nil {
		d.lose(e)
	}
	e.state, e.cause = deliveryGone, cause
	if e.Node == d.node {
		d.losses.list = append(d.losses.list, e)
		d.expect(e)
	}
}

// expect keeps the queue of e from being claimed from until e is released. Callers hold d.mu.
func (d *desk) expect(e *Delivery) {
	if d.losses.underway == nil {
		d.losses.underway = make(map[int64]int32)
	}
	d.losses.underway[e.Queue]++
}

// arrive says that the commit under way releases e. Callers hold d.mu.
func (d *desk) arrive(e *Delivery) {
	if e.Node != d.node {
		return // nobody expects it: what was expected was forgotten with the node
	}
	u := d.losses.underway
	if u[e.Queue]--; u[e.Queue] <= 0 {
		delete(u, e.Queue)
	}
}

// failedAgain keeps e, whose release could not be written, to be tried again. Callers hold d.mu.
func (d *desk) failedAgain(e *Delivery) {
	if e.Node != d.node {
		return // whoever struck the node out has given it back
	}
	d.losses.failed = append(d.losses.failed, e)
	if e.state != deliveryGone { // else the commit did not come that far, and it is expected still
		e.state = deliveryGone
		d.expect(e)
	}
	d.retryLater()
}

// retryLater has the keeper try again what has failed. Callers hold d.mu.
func (d *desk) retryLater() {
	if d.losses.retryAt.IsZero() {
		d.losses.retryAt = time.Now().Add(retryAfter)
		d.signal()
	}
}

// unattended owns the tickets that nobody waits for: the desk knows what to do when they fail.
type unattended struct{}

func (unattended) decided(error) {}

// releaseBatch is how many releases stand in one op.
const releaseBatch = 1000

// release gives what was taken from consumers back to the queues, but for dead letters, which have
// to be read and take memory: buryLost makes them, as the caller may be the committer.
func (b *Bus) release() {
	d := b.desk
	d.mu.Lock()
	lost := d.losses.list
	d.losses.list = nil
	lost = d.leaveLast(lost)
	d.mu.Unlock()
	if len(lost) == 0 {
		return
	}
	var ts []*ticket
	for _, e := range lost {
		if n := len(ts); n == 0 || ts[n-1].weight() >= releaseBatch {
			ts = append(ts, &ticket{op: Op{Kind: OpPublish}, owner: unattended{}})
		}
		ts[len(ts)-1].release(e)
	}
	// They take no room: whom should that slow down? Once the bus is closed, the store gives
	// everything back that this node has.
	if b.intake.append(ts...) == nil {
		b.intake.signal()
	}
}
