package bus

import (
	"context"
	"errors"
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
			recovered = now
		}
		if late := b.desk.late(now); len(late) > 0 {
			b.release(late, causeTimeout)
		}
		b.tryAgain()
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
func (b *Bus) tryAgain() {
	d := b.desk
	d.mu.Lock()
	if d.retryAt.IsZero() || time.Now().Before(d.retryAt) {
		d.mu.Unlock()
		return
	}
	d.retryAt = time.Time{}
	failed := d.failed
	d.failed = nil
	for _, first := range d.feeds {
		for w := first; w != nil; w = w.next {
			if w.more {
				d.want(w)
			}
		}
	}
	d.mu.Unlock()
	if len(failed) > 0 {
		b.release(failed, causeGone)
	}
	b.intake.call()
}

// recover takes over the claims of nodes that died.
func (b *Bus) recover(ctx context.Context) {
	queues, err := b.store.Recover(ctx)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			b.config.Log.Warn("taking over the claims of nodes that are gone failed; trying again", "error", err)
		}
		return
	}
	if len(queues) == 0 {
		return
	}
	b.config.Log.Info("took over the claims of nodes that are gone", "queues", len(queues))
	b.desk.stirQueues(queues)
	b.intake.call()
}

// stirQueues wants orders for these queues.
func (d *desk) stirQueues(ids []int64) {
	found := make(map[int64]bool, len(ids))
	for _, id := range ids {
		found[id] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, first := range d.feeds {
		for w := first; w != nil; w = w.next {
			if found[w.id] {
				w.more = true
				d.want(w)
			}
		}
	}
}

// stirFeeds wants orders for the queues of feeds that other processes wrote to, all of them
// if all is set.
func (d *desk) stirFeeds(names []string, all bool) (any bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !all {
		for _, name := range names {
			d.stirList(d.feeds[name])
		}
		return len(d.dirty) > 0
	}
	for _, first := range d.feeds {
		d.stirList(first)
	}
	return len(d.dirty) > 0
}

// stirList wants orders for w and those that follow it. Callers hold d.mu.
func (d *desk) stirList(w *workQueue) {
	for ; w != nil; w = w.next {
		w.more = true
		d.want(w)
	}
}
