package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
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

// standBehind has d stand for a URL that leads to it by way of something else: a proxy, say, which
// whoever sets it up has to tell where d is.
func (d *door) standBehind(url string) {
	at := d.url
	if d.reach != "" {
		at += ", " + strings.Trim(d.reach, " ()")
	}
	d.url, d.reach = url, " (at "+at+")"
}

// openDoor opens the address that a flag names.
func openDoor(ctx context.Context, scheme, flag, address string) (*door, error) {
	if err := checkAddress(ctx, flag, address); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, networkOf(address), address)
	if err != nil {
		return nil, cannotListen(flag, address, err)
	}
	return newDoor(scheme, listener), nil
}

// networkOf keeps 0.0.0.0 to IPv4: where Go is told "tcp", it stands for the addresses of IPv6,
// too, which nobody named.
func networkOf(address string) string {
	if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().Is4() {
		return "tcp4"
	}
	return "tcp"
}

// newDoor makes a door of a listener.
func newDoor(scheme string, l net.Listener) *door {
	url := scheme + "://" + dialable(l.Addr())
	if scheme == "http" || scheme == "https" {
		url += "/"
	}
	return &door{l, url, reach(l.Addr())}
}

// dialable writes an address as clients on this machine can use it.
func dialable(address net.Addr) string {
	at, err := netip.ParseAddrPort(address.String())
	switch {
	case err != nil || !at.Addr().IsUnspecified():
		return address.String()
	case at.Addr().Is4():
		return fmt.Sprintf("127.0.0.1:%d", at.Port())
	}
	return fmt.Sprintf("localhost:%d", at.Port())
}

// reach says of an address that it stands for all of this machine: what dialable names reaches no further.
func reach(address net.Addr) string {
	at, err := netip.ParseAddrPort(address.String())
	if err != nil || !at.Addr().IsUnspecified() {
		return ""
	}
	if at.Addr().Is4() {
		return " (all IPv4 addresses)"
	}
	return " (all addresses)"
}

// secured has TLS spoken at d.
func (d *door) secured(config *tls.Config) *door {
	return &door{tls.NewListener(d.Listener, config), d.url, d.reach}
}

// isPrivate reports whether only this machine's own programs reach d.
func (d *door) isPrivate() bool {
	return d.Addr().Network() == "unix" || d.isLoopback()
}

// isLoopback reports whether d's address is one that only this machine has.
func (d *door) isLoopback() bool {
	at, err := netip.ParseAddrPort(d.Addr().String())
	return err == nil && at.Addr().IsLoopback()
}

// close shuts d, if it is open.
func (d *door) close() {
	if d != nil {
		_ = d.Close()
	}
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
