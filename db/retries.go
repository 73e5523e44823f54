package db

import (
	"context"
	"math/rand/v2"
	"time"
)

// retries spaces the attempts at one transaction, until its time is up.
type retries struct {
	deadline time.Time
	pause    time.Duration
	timer    *time.Timer
}

const (
	retryFirst  = time.Millisecond
	retryAtMost = 200 * time.Millisecond
)

func newRetries(limit time.Duration) *retries {
	r := &retries{timer: time.NewTimer(0)}
	r.allow(limit)
	return r
}

// allow gives the attempts limit from now on.
func (r *retries) allow(limit time.Duration) {
	r.deadline, r.pause = time.Now().Add(limit), retryFirst
}

// wait waits until the next attempt is due. It reports false when time is up, or ctx ended.
func (r *retries) wait(ctx context.Context) bool {
	if time.Now().After(r.deadline) {
		return false
	}
	r.timer.Reset(r.pause + rand.N(r.pause))
	r.pause = min(2*r.pause, retryAtMost)
	select {
	case <-ctx.Done():
		return false
	case <-r.timer.C:
		return true
	}
}

func (r *retries) stop() { r.timer.Stop() }
