package bus

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	watchPause  = time.Second // before watching again
	tidyEvery   = time.Minute
	forgetBatch = 1000 // idempotency keys in one transaction
	sweepBatch  = 64   // chunks of media in one transaction
)

// watch is the watcher: it takes in what other processes commit.
func (b *Bus) watch(ctx context.Context, n Notifier) {
	for {
		err := n.Watch(ctx, func() {
			b.stats.looks.Add(1)
			b.announceForeign(b.hub.look(ctx))
			b.lookForStirred(ctx)
		})
		if ctx.Err() != nil {
			return
		}
		b.config.Log.Warn("watching the store broke off; trying again", "error", err)
		if !pause(ctx, watchPause) {
			return
		}
	}
}

// tidy is the janitor: it removes idempotency keys past their window, what feeds no longer keep,
// media that no entry has, and temp feeds whose sessions are gone.
func (b *Bus) tidy(ctx context.Context) {
	for pause(ctx, tidyEvery) {
		chores := []struct {
			what string
			do   func(ctx context.Context) error
		}{
			{"forgetting idempotency keys", b.forgetKeys},
			{"removing what feeds no longer keep", b.retain},
			{"removing media that no entry has", b.sweep},
			{"removing temp queues that were left behind", b.dropLeftTemps},
		}
		for _, chore := range chores {
			if err := chore.do(ctx); err != nil {
				b.complain(ctx, chore.what+" failed; trying again later", err)
			}
		}
	}
}

func (b *Bus) forgetKeys(ctx context.Context) error {
	if b.config.KeyWindow < 0 {
		return nil
	}
	return repeat(forgetBatch, func() (int, error) {
		return b.store.ForgetKeys(ctx, time.Now().Add(-b.config.KeyWindow), forgetBatch)
	})
}

func (b *Bus) sweep(ctx context.Context) error {
	return repeat(sweepBatch, func() (int, error) {
		return b.store.Sweep(ctx, time.Now().Add(-b.config.MediaGrace), sweepBatch)
	})
}

// dropLeftTemps spares nodes without consumers the look: those whose sessions have temp feeds have some.
func (b *Bus) dropLeftTemps(ctx context.Context) error {
	if !b.desk.joined() {
		return nil
	}
	_, err := b.SweepTemps(ctx)
	return err
}

// repeat does work until it does less than batch at once.
func repeat(batch int, work func() (int, error)) error {
	for {
		if n, err := work(); err != nil || n < batch {
			return err
		}
	}
}

// jittered returns d, give or take a quarter, so that nodes started together do not act together.
func jittered(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }

// pause waits for d, jittered. It reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(jittered(d))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
