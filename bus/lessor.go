package bus

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// leaseLook is how often a node looks for leases that it does not know of: another may have
	// made them, and died.
	leaseLook = 2 * time.Second
	// leaseGrace leaves leases to the node that made them, at most: several nodes know of one that ends soon.
	leaseGrace = 60 * time.Millisecond
	leaseBatch = 500 // ended in one transaction
)

// lessor ends leases whose deadline has passed. It sleeps until the first deadline that is known.
type lessor struct {
	wake chan struct{} // holds a token when due is sooner

	mu     sync.Mutex
	due    time.Time // zero for none known
	sealer *seal
}

func newLessor() *lessor { return &lessor{wake: make(chan struct{}, 1)} }

// note says that this node made a lease that ends at deadline.
func (l *lessor) note(deadline time.Time) {
	l.mu.Lock()
	sooner := l.due.IsZero() || deadline.Before(l.due)
	if sooner {
		l.due = deadline
	}
	l.mu.Unlock()
	if sooner {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// next returns when to look next.
func (l *lessor) next(latest time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.due.IsZero() && l.due.Before(latest) {
		return l.due
	}
	return latest
}

// looked forgets deadlines up to now.
func (l *lessor) looked(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.due.After(now) {
		l.due = time.Time{}
	}
}

// leaseSeal returns what tokens are made with.
func (b *Bus) leaseSeal(ctx context.Context) (*seal, error) {
	l := b.lessor
	l.mu.Lock()
	s := l.sealer
	l.mu.Unlock()
	if s != nil {
		return s, nil
	}
	secret, err := b.store.LeaseSecret(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealer = &seal{secret}
	return l.sealer, nil
}

// endLeases is the lessor's goroutine.
func (b *Bus) endLeases(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	latest := time.Now()
	for {
		timer.Reset(time.Until(b.lessor.next(latest)))
		select {
		case <-timer.C:
			latest = b.endDue(ctx)
		case <-b.lessor.wake:
		case <-ctx.Done():
			return
		}
	}
}

// endDue ends the leases whose deadline has passed, and returns when to look again, at the latest.
func (b *Bus) endDue(ctx context.Context) time.Time {
	for {
		now := time.Now()
		b.lessor.looked(now)
		list, err := b.store.Leases(ctx, leaseBatch)
		due := list
		for i := range list {
			if list[i].Deadline.After(now) {
				due = list[:i]
				break
			}
		}
		if err == nil && len(due) > 0 {
			err = b.end(ctx, due)
		}
		switch {
		case err != nil:
			b.complain(ctx, "ending leases whose deadline has passed failed; trying again", err)
			return now.Add(retryAfter)
		case len(due) == leaseBatch:
		case len(due) < len(list):
			return earlier(list[len(due)].Deadline.Add(rand.N(leaseGrace)), now.Add(jittered(leaseLook)))
		default:
			return now.Add(jittered(leaseLook))
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// end gives leases back, as dead letters where their attempts are used up. What somebody else did
// before has no effect again.
func (b *Bus) end(ctx context.Context, due []Lease) error {
	_, _, err := b.settleAll(ctx, due, Released, causeTimeout)
	return err
}
