package stompgw

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// identify returns who connects: the account of the headers login and passcode or, without both, whoever has none, counted
// by address.
func (c *conn) identify(ctx context.Context, f *stomp.Frame) (*bus.Caller, error) {
	caller, err := c.login(ctx, f)
	if err == nil && caller == c.server.Access.Anonymous() {
		caller = c.server.Access.Visitor(addressOf(c.nc.RemoteAddr()))
	}
	return caller, err
}

func (c *conn) login(ctx context.Context, f *stomp.Frame) (*bus.Caller, error) {
	access := c.server.Access
	login, named := f.Get("login")
	passcode, proven := f.Get("passcode")
	if caller := access.Anonymous(); !named && !proven && caller.Welcome() {
		return caller, nil
	}
	caller, err := access.Login(ctx, string(login), string(passcode))
	switch {
	case errors.Is(err, bus.ErrCredentials):
		c.server.Log.Info("STOMP client refused: wrong login or passcode", "session", c.name, "client", c.nc.RemoteAddr())
		return nil, &fault{
			message: "wrong login or passcode", detail: "send the headers login and passcode with CONNECT: an account's name and password, or a token as the passcode", ends: true,
		}
	case errors.Is(err, bus.ErrBusy):
		return nil, &fault{message: err.Error(), detail: "connect again in some seconds; tokens are checked at once", ends: true}
	}
	return caller, err
}

// permit reports why the session may not use any of these rights on a feed. The feeds behind temp queues are for whoever
// was told of one.
func (c *conn) permit(rights bus.Rights, feed string) error {
	if c.caller.Rights(feed)&rights != 0 || isTempFeed(feed) {
		return nil
	}
	return lacking(c.caller, rights, fmt.Sprintf("the feed %q", feed), feed)
}

// permitSome reports why the session may not use a right on any feed that begins with prefix.
func (c *conn) permitSome(right bus.Rights, prefix string) error {
	if c.caller.MaySome(right, prefix) {
		return nil
	}
	return lacking(c.caller, right, fmt.Sprintf("any feed that begins with %q", prefix), prefix+"*")
}

// lacking says which rights are missing.
func lacking(c *bus.Caller, rights bus.Rights, where, pattern string) *fault {
	account := c.Account()
	if account == "" {
		account = bus.Anonymous
	}
	words := strings.Split(rights.String(), ",")
	return faultf("connect with another login, or have this one allowed to by whoever runs the server: "+bus.Allowing(account, rights, pattern),
		"the account %s lacks the right to %s in %s", quote([]byte(account)), strings.Join(words, " or "), where)
}

// mayTake reports why a subscription to a queue gets no more: its right may have been taken away since.
func (c *conn) mayTake(s *queueSubscription) error {
	feed, isQueue := strings.CutPrefix(s.destination(), queuePrefix)
	if !isQueue {
		return nil
	}
	return c.permit(bus.RightConsume, feed)
}
