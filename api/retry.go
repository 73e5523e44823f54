package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// Between two tries a Client waits for as long as these say, each time twice as long, and half of it by chance.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 15 * time.Second
)

// pause is how long to wait before the next try.
type pause time.Duration

// wait waits, and makes the next pause longer. It returns ctx's cause when that ends first.
func (p *pause) wait(ctx context.Context) error {
	d := max(time.Duration(*p), firstPause)
	*p = pause(min(2*d, longestPause))
	return sleep(ctx, d/2+rand.N(d/2+1))
}

// reset makes the next pause short again.
func (p *pause) reset() { *p = 0 }

// sleep waits for d. It returns ctx's cause when that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// passes reports whether trying again may help: no answer came, or one that says so.
func passes(err error) bool {
	refused, ok := errors.AsType[*StatusError](err)
	if !ok {
		return !errors.Is(err, errMisuse)
	}
	switch refused.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// errMisuse is in what no server has to do with.
var errMisuse = errors.New("the client is used wrongly")
