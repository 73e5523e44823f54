package bus

import (
	"context"
	"errors"
	"time"
)

const (
	recoverEvery = 2 * time.Second // looks for nodes that died; a claim outlives its node by little more
	retryAfter   = time.Second     // tries again what the store could not do
)

// keep is the keeper: it takes back claims whose ack timeout has passed, and tries again what the
// store could not write. It sleeps until the next of these is due.
func (b *Bus) keep(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		b.desk.giveUpLate(time.Now())
		b.release()
		if b.desk.wasStruckOut() {
			b.rejoin(ctx)
		}
		b.tryAgain(ctx)
		timer.Reset(time.Until(b.desk.nextDue()))
		select {
		case <-timer.C:
		case <-b.desk.wake:
		case <-ctx.Done():
			return
		}
	}
}

// rescue is the rescuer: once the node has consumers, it takes over the claims of nodes that died, looks
// for work that other nodes gave back, in case a hint was lost, and for what they did to its queues.
func (b *Bus) rescue(ctx context.Context) {
	select {
	case <-b.desk.entered:
	case <-ctx.Done():
		return
	}
	var r review
	for pause(ctx, recoverEvery) {
		b.recover(ctx)
		b.lookForStirred(ctx)
		b.review(ctx, &r)
	}
}

// giveUpLate takes the deliveries whose time is up from their consumers, who are told of what they
// have taken. The rest goes back as if never handed out.
func (d *desk) giveUpLate(now time.Time) {
	var concerned []*Consumer
	d.mu.Lock()
	for len(d.timers) > 0 && d.timers[0].deadline <= now.UnixMicro() {
		e := d.timers[0]
		d.stopTimer(e)
		switch c := e.consumer; {
		case e.state != deliveryHeld:
		case !e.taken:
			c.skip(e)
			d.giveUp(e, "")
			d.credit(c)
		default:
			d.giveUp(e, causeTimeout)
			d.credit(c)
			if c.miss(e) {
				concerned = append(concerned, c)
			}
		}
	}
	d.mu.Unlock()
	tell(concerned)
}

// nextDue returns when the keeper has something to do next.
func (d *desk) nextDue() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	due := time.Now().Add(time.Hour)
	if retry := d.losses.retryAt; !retry.IsZero() && retry.Before(due) {
		due = retry
	}
	if len(d.timers) > 0 {
		if first := time.UnixMicro(d.timers[0].deadline); first.Before(due) {
			due = first
		}
	}
	return due
}

// tryAgain repeats what the store could not do before.
func (b *Bus) tryAgain(ctx context.Context) {
	dropped, due := b.desk.toTryAgain()
	if !due {
		return
	}
	for _, name := range dropped {
		// Who has consumers has a queue: it begins anew.
		q, err := b.begin(ctx, name)
		if err == nil {
			b.desk.adopt(q)
			continue
		}
		if errors.Is(err, ErrManyQueues) {
			b.config.Log.Warn("a queue that was dropped has no room to be made anew; its consumers are told", "feed", name.Feed, "queue", name.Name)
			b.desk.evict(name)
			continue
		}
		b.complain(ctx, "making a queue anew that was dropped failed; trying again", err)
		b.desk.mu.Lock()
		b.desk.retryLater()
		b.desk.mu.Unlock()
	}
	b.release()
	b.intake.call()
}

// toTryAgain returns the queues to make anew, once that is due, and has releases repeated, and
// orders made for all queues that may have work.
func (d *desk) toTryAgain() (dropped []QueueName, due bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &d.losses
	if l.retryAt.IsZero() || time.Now().Before(l.retryAt) {
		return nil, false
	}
	l.retryAt = time.Time{}
	l.list = append(l.list, l.failed...)
	l.failed = nil
	for w := range d.queues.all() {
		switch {
		case w.id == 0:
			dropped = append(dropped, QueueName{w.feed, w.kind.Load().name})
		case w.more:
			d.want(w)
		}
	}
	return dropped, true
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

// lookForStirred wants orders for the queues that any node gave work back to. The watcher calls it
// when another process wrote, and the rescuer in case a hint was lost.
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
	return d.struckOut && !time.Now().Before(d.losses.retryAt)
}

// rejoin enters this node anew after others took it for dead: what its consumers hold is lost to
// them, and they go on with new work.
func (b *Bus) rejoin(ctx context.Context) {
	err := b.store.Leave(ctx, b.desk.number()) // should the store know it after all
	var node int64
	if err == nil {
		node, err = b.store.Join(ctx)
	}
	if err != nil {
		b.complain(ctx, "joining the queues again failed; trying again", err)
		b.desk.mu.Lock()
		b.desk.losses.retryAt = time.Now().Add(retryAfter)
		b.desk.mu.Unlock()
		return
	}
	b.config.Log.Warn("others took this node for dead: its consumers lost what they held", "node", node)
	b.desk.startOver(node)
	b.intake.call()
}

// stirQueues wants orders for those of the queues that have consumers here. It reports whether any
// order is wanted.
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
