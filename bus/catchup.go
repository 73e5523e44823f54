package bus

import (
	"context"
	"errors"
	"time"
)

const (
	// catchUpGap is the least time between two looks at the store for those whom a node does not
	// know, however many try to guess.
	catchUpGap = 50 * time.Millisecond
	// catchUpPatience is for how long somebody waits for such a look.
	catchUpPatience = time.Second
)

// letIn tries to let somebody in, and once more if the store has news when that fails: an account,
// a password or a token counts from when it is made, although a node looks only now and then.
func (a *Access) letIn(ctx context.Context, try func(now *roll) (*Caller, error)) (*Caller, error) {
	now := a.now.Load()
	c, err := try(now)
	if errors.Is(err, ErrCredentials) && a.store != nil {
		a.catchUp(ctx)
		if news := a.now.Load(); news != now {
			return try(news)
		}
	}
	return c, err
}

// catchUp has follow look at the store, and waits until it did.
func (a *Access) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, catchUpPatience)
	defer cancel()
	looked := make(chan struct{})
	select {
	case a.unknown <- looked:
	case <-a.closing:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-looked:
	case <-ctx.Done():
	}
}

// muster returns those who wait for a look at the store: first, and who comes until it is time for one.
func (a *Access) muster(ctx context.Context, first chan struct{}, next time.Time) []chan struct{} {
	waiting := []chan struct{}{first}
	due := time.NewTimer(time.Until(next))
	defer due.Stop()
	for {
		select {
		case one := <-a.unknown:
			waiting = append(waiting, one)
		case <-due.C:
			return waiting
		case <-ctx.Done():
			return waiting
		}
	}
}
