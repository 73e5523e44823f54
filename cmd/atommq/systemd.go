package main

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// passed are the sockets that systemd opened for this process (LISTEN_FDS), by the names that they
// have there (FileDescriptorName=): those of the settings that they stand in for.
type passed map[string][]net.Listener

// bySystemd is the address of a setting whose socket systemd passes.
const bySystemd = "systemd"

// passedSockets returns them. Programs that this one starts do not get them.
func passedSockets() (passed, error) {
	sockets, err := activation.ListenersWithNames()
	if err != nil {
		return nil, misusef("the sockets that systemd passes: %w", err)
	}
	return sockets, nil
}

// open opens the doors of a name: those that are passed or, without any, the one at the address.
func (p passed) open(ctx context.Context, scheme, name, address string) (doors, error) {
	var ds doors
	for _, l := range p[name] {
		ds = append(ds, newDoor(scheme, l))
	}
	delete(p, name)
	if len(ds) > 0 || isOff(address) {
		return ds, nil
	}
	open := openDoor
	if name == "fcgi" {
		open = openFastCGIDoor
	}
	d, err := open(ctx, scheme, "--"+name, address)
	if err != nil {
		return nil, err
	}
	return doors{d}, nil
}

// rest refuses what nobody took: whoever configured it believes that it is served at.
func (p passed) rest() error {
	if len(p) == 0 {
		return nil
	}
	names := strings.Join(slices.Sorted(maps.Keys(p)), ", ")
	return misusef("systemd passes sockets named %s: write FileDescriptorName= with http, https, fcgi, stomp or stomp-tls; a gateway has the last two", names)
}

// notify tells systemd what becomes of this process, where systemd started it (sd_notify(3)).
func notify(state string, log *slog.Logger) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("cannot tell systemd", "state", state, "error", err)
	}
}
