package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Between two tries a Client waits for as long as these say, each time twice as long, and half of it by chance.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 15 * time.Second
)

// pause is how long to wait before the next try.
type pause time.Duration

// wait waits, at least as long as the server asked for with err, and makes the next pause longer.
// It returns ctx's cause when that ends first.
func (p *pause) wait(ctx context.Context, err error) error {
	d := max(time.Duration(*p), firstPause)
	*p = pause(min(2*d, longestPause))
	return sleep(ctx, askedFor(err)+d/2+rand.N(d/2+1))
}

// longestAsked bounds how long a server is believed that asks for patience.
const longestAsked = 10 * time.Minute

// askedFor returns how long the server asked to wait because of a limit: sooner, it would refuse
// again. How long it takes until a server is back that is away (503), it only guesses.
func askedFor(err error) time.Duration {
	refused, ok := errors.AsType[*StatusError](err)
	if !ok || refused.Status != http.StatusTooManyRequests {
		return 0
	}
	return min(refused.After, longestAsked)
}

// retryTime reads a Retry-After field, RFC 9110 §10.2.3: seconds, or a date.
func retryTime(field string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(field, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(field); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
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
		return !errors.Is(err, errMisuse) && !errors.Is(err, ErrForeign)
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
