package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
)

// limitProblem says what to do about a limit of the account, nil for another error: RFC 6585 §4.
// There is no sense in waiting for a feed, so that is a 403.
func limitProblem(err error) *problemError {
	limit, ok := errors.AsType[*bus.LimitError](err)
	if !ok {
		return nil
	}
	p := &problemError{
		Status: http.StatusTooManyRequests,
		Extra:  map[string]any{"limit": limit.Limit.String(), "most": limit.Most, "account": limit.Account},
		cause:  err,
	}
	reason := sentence(limit.Error())
	switch {
	case limit.Limit == bus.LimitFeeds:
		p.Status = http.StatusForbidden
		p.Detail = fmt.Sprintf("%s. Nothing was done. Publish to a feed that is there%s; whoever runs the server changes the limit: %s.", reason, orDelete(limit), limit.Changing())
	case limit.Limit.IsRate():
		seconds := int64((limit.Wait + time.Second - 1) / time.Second)
		p.Header = http.Header{"Retry-After": {strconv.FormatInt(max(seconds, 1), 10)}}
		p.Detail = fmt.Sprintf("%s. Nothing was done. Send it again after the seconds that Retry-After names, and less at a time.", reason)
	case limit.Most == 0: // there is no sense in coming back, unless somebody changes it
		p.Header = retryAfter
		p.Detail = fmt.Sprintf("%s. Nothing was done. Whoever runs the server changes the limit: %s.", reason, limit.Changing())
	default:
		p.Header = retryAfter
		p.Detail = fmt.Sprintf("%s. End one of them, or come back after the seconds that Retry-After names.", reason)
	}
	return p
}

// sentence begins a reason with a capital letter.
func sentence(reason string) string { return strings.ToUpper(reason[:1]) + reason[1:] }

// orDelete says how to make room for another feed, where that would help.
func orDelete(limit *bus.LimitError) string {
	if limit.Most == 0 {
		return ""
	}
	return ", or DELETE one that this account made, which takes the right admin"
}

// count counts a request against the limits of who sent it, and returns who that is: those without
// an account are told apart by their addresses.
func (s *site) count(r *http.Request, c *bus.Caller) (*bus.Caller, error) {
	if !c.Limited() {
		return c, nil
	}
	if c == s.access.Anonymous() {
		c = s.access.Visitor(s.addressOf(r))
	}
	_, err := c.Take(bus.LimitRequests, 1, 0)
	return c, err
}

// makeFeed makes a feed in the name of who sent the request, if there is none.
func (s *site) makeFeed(r *http.Request, feed string) error {
	return s.bus.MakeFeed(r.Context(), feed, s.caller(r))
}

// meter has the sender of b pay for it, before it is read, as far as its length is known.
func (s *site) meter(b *body) error {
	c := s.caller(b.r)
	if !c.Limited() {
		return nil
	}
	b.caller, b.paid = c, max(b.r.ContentLength, 0)
	if b.r.ContentLength == 0 { // what comes all the same is counted then
		return nil
	}
	_, err := c.Take(bus.LimitBytes, b.paid, 0)
	return err
}

// charge counts what came of b, or what it unpacks to where that is more, beyond what is paid.
func (b *body) charge() {
	if more := max(b.came, b.out) - b.paid; more > 0 && b.caller != nil {
		b.caller.Charge(bus.LimitBytes, more)
		b.paid += more
	}
}
