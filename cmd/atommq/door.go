package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"syscall"
)

// off is the address that keeps a door shut.
const off = "off"

// isOff reports whether an address names no door: it is off, or the command has no such setting.
func isOff(address string) bool { return address == "" || address == off }

// door is an address that clients come in at.
type door struct {
	net.Listener
	url   string // that clients on this machine can use
	reach string // said behind it: whether other machines can, too
}

// openDoor opens the address that a flag names.
func openDoor(ctx context.Context, scheme, flag, address string) (*door, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, cannotListen(flag, address, err)
	}
	return newDoor(scheme, listener), nil
}

// newDoor makes a door of a listener.
func newDoor(scheme string, l net.Listener) *door {
	url := scheme + "://" + dialable(l.Addr())
	if scheme == "http" || scheme == "https" {
		url += "/"
	}
	return &door{l, url, reach(l.Addr())}
}

// cannotListen says in one line why, and what to do.
func cannotListen(flag, address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken by another program: stop that, or choose another address with %s", address, flag)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("not allowed to listen on %s: choose a port from 1024 up with %s", address, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is not an address of this machine: choose another one with %s", address, flag)
	}
	return misusef("%s %s: %w", flag, address, err)
}

// dialable writes an address as clients on this machine can use it.
func dialable(address net.Addr) string {
	at, err := netip.ParseAddrPort(address.String())
	if err == nil && at.Addr().IsUnspecified() {
		return fmt.Sprintf("localhost:%d", at.Port())
	}
	return address.String()
}

// reach says of an address that it stands for all of this machine: what dialable names reaches no further.
func reach(address net.Addr) string {
	at, err := netip.ParseAddrPort(address.String())
	if err != nil || !at.Addr().IsUnspecified() {
		return ""
	}
	return " (all addresses)"
}

// secured has TLS spoken at d.
func (d *door) secured(config *tls.Config) *door {
	return &door{tls.NewListener(d.Listener, config), d.url, d.reach}
}

// isPrivate reports whether only this machine's own programs reach d.
func (d *door) isPrivate() bool {
	if d.Addr().Network() == "unix" {
		return true
	}
	at, err := netip.ParseAddrPort(d.Addr().String())
	return err == nil && at.Addr().IsLoopback()
}

// doors are those of one server.
type doors []*door

// close shuts the doors that nobody serves at, for good; the others are shut already.
func (ds doors) close() {
	for _, d := range ds {
		_ = d.Close()
	}
}

// services has a server serve at ds.
func (ds doors) services(at server) services {
	var all services
	for _, d := range ds {
		all = append(all, service{d, at})
	}
	return all
}
