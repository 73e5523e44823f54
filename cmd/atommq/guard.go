package main

import "atommq/db"

// guard refuses to serve strangers while nobody decided who may do what: at an address that other machines reach, everybody could
// read and write every feed. Where it does not refuse, nor will the bus be open to everybody later, should the last account go.
func (n *node) guard(services services, s *settings) error {
	for _, sv := range services {
		if sv.isPrivate() || sv.isAdmin() {
			continue
		}
		if !n.access.Guarded() {
			return misusef("whoever reaches %s could read and write every feed: make an account first, with atommq user add NAME --db %[2]s, and atommq user allow NAME admin '*' --db %[2]s; "+
				"or give --login and --passcode; or, if strangers are welcome, say what they may do: atommq user allow anonymous read '*' --db %[2]s", sv.Addr(), db.Name(s.DB))
		}
		n.access.Shut()
	}
	return nil
}
