package bus

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	watchPause  = time.Second // before watching again
	forgetEvery = time.Minute
	forgetBatch = 1000
)

// watch is the watcher: it takes in what other processes commit.
func (b *Bus) watch(ctx context.Context, n Notifier) {
	for {
		err := n.Watch(ctx, func() {
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

// forgetKeys is the janitor: it removes idempotency keys past their window.
func (b *Bus) forgetKeys(ctx context.Context) {
	for pause(ctx, forgetEvery) {
		for {
			n, err := b.store.ForgetKeys(ctx, time.Now().Add(-b.config.KeyWindow), forgetBatch)
			if err != nil && ctx.Err() == nil {
				b.config.Log.Warn("forgetting idempotency keys failed; trying again later", "error", err)
			}
			if err != nil || n < forgetBatch {
				break
			}
		}
	}
}

// pause waits for d, give or take a quarter, so that nodes started together do
// not act together. It reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d*3/4 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
