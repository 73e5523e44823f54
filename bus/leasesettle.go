package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// LeaseLoss says why a lease could not be settled.
type LeaseLoss uint8

// The ways to lose a lease.
const (
	NotLost  LeaseLoss = iota
	LostBack           // its deadline passed or it was nacked, and the entry is in its queue again, or with somebody else
	LostGone           // the entry is not in the queue any more: it was acked, or removed, or the queue was
)

// Ack settles leases for good: the entries leave the queue. lost tells for each token whether the
// lease was held; those that were are acked, on disk, whatever became of the others. ErrNoClaim,
// and nothing done, where a token is none.
func (b *Bus) Ack(ctx context.Context, name QueueName, tokens ...string) (lost []LeaseLoss, err error) {
	lost, _, err = b.settleLeases(ctx, name, tokens, Acked, 0)
	return lost, err
}

// Nack lets the entries wait in their places again, the attempt counted; those that used up theirs
// become dead letters. It answers as Ack does.
func (b *Bus) Nack(ctx context.Context, name QueueName, tokens ...string) (lost []LeaseLoss, err error) {
	lost, _, err = b.settleLeases(ctx, name, tokens, Released, 0)
	return lost, err
}

// Renew has leases last for another ackTimeout, 0 for as long as they were handed out for, from now
// on, and returns the new deadline, of several the last. It answers as Ack does.
func (b *Bus) Renew(ctx context.Context, name QueueName, ackTimeout time.Duration, tokens ...string) (lost []LeaseLoss, deadline time.Time, err error) {
	return b.settleLeases(ctx, name, tokens, Leased, ackTimeout)
}

func (b *Bus) settleLeases(ctx context.Context, name QueueName, tokens []string, v Verdict, ackTimeout time.Duration) ([]LeaseLoss, time.Time, error) {
	lost, at, err := b.trySettleLeases(ctx, name, tokens, v, ackTimeout)
	if err != nil {
		return nil, at, fmt.Errorf("settle leases of queue %q of %q: %w", name.Name, name.Feed, err)
	}
	return lost, at, nil
}

func (b *Bus) trySettleLeases(ctx context.Context, name QueueName, tokens []string, v Verdict, ackTimeout time.Duration) (lost []LeaseLoss, deadline time.Time, err error) {
	claims, err := b.unseal(ctx, tokens)
	if err != nil {
		return nil, deadline, err
	}
	q, err := b.store.Queue(ctx, name.Feed, name.Name)
	if errors.Is(err, ErrNoQueue) {
		// As of another queue: whoever holds a token need not know which queues there are.
		return slices.Repeat([]LeaseLoss{LostGone}, len(claims)), deadline, nil
	}
	if err != nil {
		return nil, deadline, err
	}
	lost = make([]LeaseLoss, len(claims))
	leases := make([]Lease, 0, len(claims))
	places := make([]int, 0, len(claims)) // of the leases among the claims
	for i, c := range claims {
		if c.Queue != q.ID {
			// Who may settle what q handed out may not touch what another queue did, or one of its
			// name that was dropped.
			lost[i] = LostGone
			continue
		}
		l := leaseUntil(q, c.Claim, time.Time{})
		l.Renewal = (&LeaseConfig{AckTimeout: cmp.Or(ackTimeout, c.AckTimeout, c.asked)}).timeout(q)
		leases, places = append(leases, l), append(places, i)
	}
	if len(leases) == 0 {
		return lost, deadline, nil
	}
	missed, at, err := b.settleAll(ctx, leases, v, causeNack)
	if err != nil {
		return nil, deadline, err
	}
	for j, i := range places {
		if end := at.Add(leases[j].Renewal); v == Leased {
			b.lessor.note(end)
			deadline = later(deadline, end)
		}
		if !missed[j] {
			continue
		}
		if lost[i], err = b.leaseLoss(ctx, &leases[j]); err != nil {
			return nil, deadline, err
		}
	}
	return lost, deadline, nil
}

// settleAll gives the same verdict on leases, and tells at what time, and which were not held any more.
// Those that are released for the last time become dead letters, one by one: their entries may be large.
func (b *Bus) settleAll(ctx context.Context, leases []Lease, v Verdict, cause string) (missed []bool, at time.Time, err error) {
	missed = make([]bool, len(leases))
	t := &ticket{op: Op{Kind: OpPublish}}
	var last []int  // those for the last time
	var index []int // of the others: which lease each settlement of t is about
	for i := range leases {
		l := &leases[i]
		if v == Released && usedUp(l.Feed, l.Attempt, l.Attempts) {
			last = append(last, i)
			continue
		}
		t.settleLease(l, v)
		t.op.Settle[len(index)].Lease = l.Renewal
		index = append(index, i)
	}
	if len(index) > 0 {
		if err := b.commit(ctx, t); err != nil {
			return nil, at, err
		}
	}
	for j, i := range index {
		missed[i] = t.op.Settle[j].Lost
	}
	for _, i := range last {
		if missed[i], err = b.bury(ctx, &leases[i], cause); err != nil {
			return nil, at, err
		}
	}
	return missed, t.op.At, nil
}

// bury makes a dead letter of a lease.
func (b *Bus) bury(ctx context.Context, l *Lease, cause string) (missed bool, err error) {
	t := &ticket{op: Op{Kind: OpPublish}}
	found, err := b.fetch(ctx, []int64{l.ID})
	if err != nil {
		return false, err
	}
	if dead := deadLetter(found[l.ID], &l.Claim, l.QueueName, cause, leaseConsumer); dead != nil {
		t.settleLease(l, Acked)
		t.bury(dead)
	} else {
		t.settleLease(l, Released)
	}
	if err := b.commit(ctx, t); err != nil {
		return false, err
	}
	return t.op.Settle[0].Lost, nil
}

// LeaseTokenError is ErrNoClaim of one lease's token among several.
type LeaseTokenError struct{ Token string }

func (e *LeaseTokenError) Error() string { return fmt.Sprintf("%.80q: %v", e.Token, ErrNoClaim) }

// Unwrap returns ErrNoClaim.
func (e *LeaseTokenError) Unwrap() error { return ErrNoClaim }

// unsealed is what a token says.
type unsealed struct {
	Claim
	asked time.Duration
}

// unseal returns the claims that tokens name: a *LeaseTokenError where one names none.
func (b *Bus) unseal(ctx context.Context, tokens []string) ([]unsealed, error) {
	seal, err := b.leaseSeal(ctx)
	if err != nil {
		return nil, err
	}
	claims := make([]unsealed, len(tokens))
	for i, token := range tokens {
		var ok bool
		if claims[i].Claim, claims[i].asked, ok = seal.claim(token); !ok {
			return nil, &LeaseTokenError{token}
		}
	}
	return claims, nil
}

// leaseLoss tells what became of a lease that was missed.
func (b *Bus) leaseLoss(ctx context.Context, l *Lease) (LeaseLoss, error) {
	places, err := b.store.Waiting(ctx, l.Queue, Place{l.Rank, l.ID - 1}, 1, 0)
	if err != nil {
		return LostGone, err
	}
	if len(places) > 0 && places[0] == l.Place {
		return LostBack, nil
	}
	return LostGone, nil
}
