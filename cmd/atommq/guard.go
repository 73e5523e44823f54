package main

import (
	"net"
	"slices"

	"atommq/db"
)

// guard refuses to serve strangers while nobody decided who may do what: at an address that other
// machines reach, everybody could read and write every feed. Where it does not refuse, nor will the
// bus be open to everybody later, should the last account go.
func (n *node) guard(in *entrances, s *settings) error {
	at := in.exposed()
	if at == nil {
		return nil
	}
	if !n.access.Guarded() {
		return tooOpen(at, s)
	}
	n.access.Shut()
	return nil
}

// exposed returns an address at which others than this machine's own programs come in, nil if there is none.
func (in *entrances) exposed() net.Addr {
	for _, d := range slices.Concat(in.web, in.fastCGI, in.stomp) {
		if !d.isPrivate() {
			return d.Addr()
		}
	}
	return nil
}

func tooOpen(at net.Addr, s *settings) error {
	return misusef("whoever reaches %s could read and write every feed: make an account first, with atommq user add NAME --db %[2]s, and atommq user allow NAME admin '*' --db %[2]s; "+
		"or give --login and --passcode; or, if strangers are welcome, say what they may do: atommq user allow anonymous read '*' --db %[2]s", at, db.Name(s.DB))
}
