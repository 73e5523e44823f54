package bus

import (
	"context"
	"time"
)

const (
	recoverEvery = 2 * time.Second // looks for nodes that died; a claim outlives its node by no more
	retryAfter   = time.Second     // tries again what the store could not do
)

// keep is the keeper: it takes back claims whose ack timeout has passed, tries again what the
// store could not write, and takes over the claims of nodes that died. It sleeps until the
// next of these is due, and for good while the node has no consumers.
func (b *Bus) keep(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var recovered time.Time
	for {
		now := time.Now()
		if b.desk.joined() && now.Sub(recovered) >= recoverEvery {
			b.recover(ctx)
			b.lookForStirred(ctx)
			recovered = now
		}
		if b.desk.wasStruckOut() {
			b.rejoin(ctx)
		}
		if late := b.desk.late(now); len(late) > 0 {
			b.release(late, causeTimeout)
		}
		b.tryAgain(ctx)
		timer.Reset(time.Until(b.desk.nextDue(recovered.Add(recoverEvery))))
		select {
		case <-timer.C:
		case <-b.desk.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (d *desk) joined() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.node != 0
}

// late takes the deliveries whose time is up from their consumers.
func (d *desk) late(now time.Time) []*Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	var late []*Delivery
	for len(d.timers) > 0 && d.timers[0].deadline <= now.UnixMicro() {
		e := d.timers[0]
		d.stopTimer(e)
		if e.state == deliveryHeld {
			d.lose(e)
			d.credit(e.consumer)
			late = append(late, e)
		}
	}
	return late
}

// nextDue returns when the keeper has something to do next.
func (d *desk) nextDue(recovery time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	due := time.Now().Add(time.Hour)
	if d.node != 0 && recovery.Before(due) {
		due = recovery
	}
	if retry := d.retryAt; !retry.IsZero() && retry.Before(due) {
		due = retry
	}
	if len(d.timers) > 0 {
		if first := time.UnixMicro(d.timers[0].deadline); first.Before(due) {
			due = first
		}
	}
	return due
}

// retryLater has the keeper try again what has failed. Callers hold d.mu.
func (d *desk) retryLater() {
	if d.retryAt.IsZero() {
		d.retryAt = time.Now().Add(retryAfter)
		d.signal()
	}
}

// retryNow has it tried at once. Callers hold d.mu.
func (d *desk) retryNow() {
	d.retryAt = time.Now()
	d.signal()
}

// tryAgain repeats what the store could not do before.
func (b *Bus) tryAgain(ctx context.Context) {
	failed, dropped, due := b.desk.toTryAgain()
	if !due {
		return
	}
	for _, name := range dropped {
		// Who has consumers has a queue: it begins anew.
		if q, err := b.store.ConfigureQueue(ctx, name.Feed, name.Name, QueueSettings{}); err != nil {
			b.complain(ctx, "making a queue anew that was dropped failed; trying again", err)
		} else {
			b.desk.adopt(q)
		}
	}
	if len(failed) > 0 {
		b.release(failed, causeGone)
	}
	b.intake.call()
}

// toTryAgain returns the deliveries to release and the queues to make anew, once that is due, and wants orders for
// all queues that may have work.
func (d *desk) toTryAgain() (failed []*Delivery, dropped []QueueName, due bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.retryAt.IsZero() || time.Now().Before(d.retryAt) {
		return nil, nil, false
	}
	d.retryAt = time.Time{}
	failed, d.failed = d.failed, nil
	for w := range d.queues.all() {
		switch {
		case w.dropped:
			dropped = append(dropped, QueueName{w.feed, w.kind.Load().name})
		case w.more:
			d.want(w)
		}
	}
	return failed, dropped, true
}

// recover takes over the claims of nodes that died.
func (b *Bus) recover(ctx context.Context) {
	queues, err := b.store.Recover(ctx)
	if err != nil {
		b.complain(ctx, "taking over the claims of nodes that are gone failed; trying again", err)
		return
	}
	if len(queues) == 0 {
		return
	}
	b.config.Log.Info("took over the claims of nodes that are gone", "queues", len(queues))
	if b.desk.stirQueues(queues) {
		b.intake.call()
	}
}

func (b *Bus) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		b.config.Log.Warn(what, "error", err)
	}
}

// stirredBatch is how many queues one look at releases asks for.
const stirredBatch = 1000

// lookForStirred wants orders for the queues that any node gave work back to. The watcher calls it when another
// process wrote, and the keeper in case a hint was lost.
func (b *Bus) lookForStirred(ctx context.Context) {
	d := b.desk
	d.looking.Lock()
	defer d.looking.Unlock()
	for d.joined() {
		queues, mark, err := b.store.Stirred(ctx, d.mark, stirredBatch)
		if err != nil {
			b.complain(ctx, "looking for work that was given back failed; trying again", err)
			return
		}
		if d.mark = mark; len(queues) > 0 && d.stirQueues(queues) {
			b.intake.call()
		}
		if len(queues) < stirredBatch {
			return
		}
	}
}

// wasStruckOut reports whether others took this node for dead.
func (d *desk) wasStruckOut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.struckOut && !time.Now().Before(d.retryAt)
}

// rejoin enters this node anew after others took it for dead: what its consumers hold is lost to
// them, and they go on with new work.
func (b *Bus) rejoin(ctx context.Context) {
	node, err := b.store.Join(ctx)
	if err != nil {
		b.complain(ctx, "joining the queues again failed; trying again", err)
		b.desk.mu.Lock()
		b.desk.retryAt = time.Now().Add(retryAfter)
		b.desk.mu.Unlock()
		return
	}
	b.config.Log.Warn("others took this node for dead: its consumers lost what they held", "node", node)
	b.desk.startOver(node)
	b.intake.call()
}

// startOver takes all deliveries from their consumers, and goes on as another node.
func (d *desk) startOver(node int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.node, d.struckOut, d.failed = node, false, nil
	for w := range d.queues.all() {
		for c, n := w.turn, w.consumers; n > 0; c, n = c.next, n-1 {
			d.loseAll(c)
		}
		d.stir(w)
	}
}

// loseAll takes all deliveries from c but those that a transaction has, which will fail. Callers hold d.mu.
func (d *desk) loseAll(c *Consumer) {
	c.untaken = nil
	for e := c.held.first; e != nil; {
		following := e.next
		if e.state == deliveryHeld {
			d.lose(e)
			d.credit(c)
		}
		e = following
	}
}

// stirQueues wants orders for those of the queues that have consumers here. It reports whether any order is wanted.
func (d *desk) stirQueues(ids []int64) (any bool) {
	found := make(map[int64]bool, len(ids))
	for _, id := range ids {
		found[id] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for w := range d.queues.all() {
		if found[w.id] {
			d.stir(w)
		}
	}
	return len(d.dirty) > 0
}

// stirFeeds wants orders for the queues of feeds that other processes wrote to, all of them
// if all is set.
func (d *desk) stirFeeds(names []string, all bool) (any bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !all {
		for _, name := range names {
			for w := d.queues.of(name); w != nil; w = w.sibling() {
				d.stir(w)
			}
		}
		return len(d.dirty) > 0
	}
	for w := range d.queues.all() {
		d.stir(w)
	}
	return len(d.dirty) > 0
}

// stir wants an order for w, which something may wait in. Callers hold d.mu.
func (d *desk) stir(w *workQueue) {
	w.more = true
	d.want(w)
}
