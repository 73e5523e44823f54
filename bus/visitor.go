package bus

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// mostVisitors bounds the addresses that are counted each by itself.
	mostVisitors = 10_000
	// sweepInterval is the least time between two looks for addresses that need not be remembered.
	sweepInterval = time.Second
)

// visitors are those who come without an account, by their addresses. An address is forgotten when
// it owes and holds nothing.
type visitors struct {
	mu    sync.Mutex
	from  map[netip.Addr]*Caller
	swept time.Duration
	crowd Caller // who comes when there are too many: they share one count
}

// Origin returns what an address counts as, where addresses are counted: an IPv6 network of 64 bits
// is one. The zero Addr is an address, too.
func Origin(from netip.Addr) netip.Addr {
	from = from.Unmap().WithZone("")
	if from.Is6() {
		network, _ := from.Prefix(64) // 64 is no error
		from = network.Addr()
	}
	return from
}

// Visitor returns whoever comes from an address without an account, for whom limits are counted by address.
func (a *Access) Visitor(from netip.Addr) *Caller {
	from = Origin(from)
	v := &a.visitors
	v.mu.Lock()
	defer v.mu.Unlock()
	if c := v.from[from]; c != nil {
		return c
	}
	if len(v.from) >= mostVisitors && !v.sweep(time.Since(a.begun)) {
		return &v.crowd
	}
	c := &Caller{access: a, meter: new(meter)}
	v.from[from] = c
	return c
}

// sweep forgets idle addresses, and reports whether there is room now. Callers hold v.mu.
func (v *visitors) sweep(now time.Duration) bool {
	if now-v.swept < sweepInterval {
		return false
	}
	v.swept = now
	for from, c := range v.from {
		if c.meter.idle(now) {
			delete(v.from, from)
		}
	}
	return len(v.from) < mostVisitors
}
