package stompgw

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// identify returns who connects: the account of the headers login and passcode or, without both, of
// the certificate or, without one, whoever has none, counted by address.
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
	if name, certified := certifiedName(c.nc); certified && len(login)+len(passcode) == 0 {
		return c.certified(ctx, name)
	}
	if caller := access.Anonymous(); !named && !proven && caller.Welcome() {
		return caller, nil
	}
	caller, err := access.Login(ctx, string(login), string(passcode))
	switch {
	case errors.Is(err, bus.ErrCredentials):
		message := "wrong login or passcode"
		if len(login)+len(passcode) == 0 {
			message = "this server asks for a login"
		}
		c.server.Log.Info("STOMP client refused: "+message, "session", c.name, "client", c.nc.RemoteAddr(), "login", bus.LoggedLogin(string(login), string(passcode)))
		return nil, &fault{message: message, detail: c.waysIn(), ends: true}
	case errors.Is(err, bus.ErrBusy):
		return nil, &fault{message: err.Error(), detail: "connect again in some seconds; tokens are checked at once", ends: true}
	}
	return caller, err
}

const sendLogin = "send the headers login and passcode with CONNECT: an account's name and password, or a token as the passcode"

// waysIn says how to log in.
func (c *conn) waysIn() string {
	if !c.server.Access.HasAccounts() {
		return "send the headers login and passcode with CONNECT"
	}
	ways := sendLogin
	if c.server.ClientCertificates {
		ways += "; over TLS, a certificate that names the account does without both"
	}
	return ways
}

// certifiedName returns whom the client's certificate names, if it has shown one that was verified.
func certifiedName(nc net.Conn) (name string, ok bool) {
	if ws, is := nc.(*webSocketConn); is {
		nc = ws.raw
	}
	secured, is := nc.(*tls.Conn)
	if !is {
		return "", false
	}
	state := secured.ConnectionState() // CONNECT has come, so hands were shaken
	return bus.CertifiedName(&state)
}

// certified lets in the account that a certificate names.
func (c *conn) certified(ctx context.Context, name string) (*bus.Caller, error) {
	caller, err := c.server.Access.Certified(ctx, name)
	if errors.Is(err, bus.ErrCredentials) {
		c.server.Log.Info("STOMP client refused: its certificate names no account", "session", c.name, "client", c.nc.RemoteAddr(), "name", name)
		return nil, &fault{
			message: fmt.Sprintf("the certificate names %s (the common name of its subject), and there is no such account", quote([]byte(name))),
			detail:  "take another certificate, or " + sendLogin + "; whoever runs the server makes the account: atommq user add NAME --no-password", ends: true,
		}
	}
	return caller, err
}

// permit reports why the session may not use any of these rights on a feed, which is no temp feed.
func (c *conn) permit(rights bus.Rights, feed string) error {
	if c.caller.Rights(feed)&rights != 0 {
		return nil
	}
	return lacking(c.caller, rights, fmt.Sprintf("the feed %q", feed), feed)
}

// permitSome reports why the session may not use a right on any feed that begins with prefix.
func (c *conn) permitSome(right bus.Rights, prefix string) error {
	if c.caller.MaySome(right, prefix) {
		return nil
	}
	if prefix == "" {
		return lacking(c.caller, right, "any feed", anyFeed)
	}
	return lacking(c.caller, right, fmt.Sprintf("any feed that begins with %q", prefix), prefix+"*")
}

// anyFeed stands for the name of a feed that the reader has to choose.
const anyFeed = "FEED"

// lacking says which rights are missing, and why.
func lacking(c *bus.Caller, rights bus.Rights, where, pattern string) *fault {
	account := c.Account()
	switch {
	case account == "":
		account = bus.Anonymous
	case !c.Known():
		return sparing("connect again, with what counts now",
			"what this session came with as %s counts no longer: the password was changed, the token has run out or was taken away, or the account was removed", quote([]byte(account)))
	}
	how := bus.Allowing(account, rights, pattern)
	if pattern == anyFeed {
		how += ", with any feed for " + anyFeed
	}
	words := strings.Split(rights.String(), ",")
	return sparing("connect with another login, or have this one allowed to by whoever runs the server: "+how,
		"the account %s lacks the right to %s in %s", quote([]byte(account)), strings.Join(words, " or "), where)
}

// mayTake reports why a subscription to a queue gets no more: its right may have been taken away since.
func (c *conn) mayTake(s *queueSubscription) error {
	feed, isQueue := strings.CutPrefix(s.destination(), queuePrefix)
	if !isQueue || c.server.Bus.OwnsTemp(feed, c.name) {
		return nil
	}
	return c.permit(bus.RightConsume, feed)
}
