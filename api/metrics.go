package api

import (
	"net/http"
	"net/netip"

	"atommq/bus"
)

// getMetrics answers programs on this machine, and others only where the operator wants that:
// metrics name feeds and queues.
func (s *site) getMetrics(w http.ResponseWriter, r *http.Request) error {
	if s.metrics == nil {
		return &problemError{Status: http.StatusNotFound, Detail: "This server tells no metrics here; the operator's setting --metrics says whether it does."}
	}
	if !s.openMetrics && !fromThisMachine(r) {
		return &problemError{
			Status: http.StatusForbidden,
			Detail: "Metrics are for programs on the server's own machine. Ask from there, or have the operator open them (--metrics all) or ask at the admin address (--admin).",
		}
	}
	if c := s.caller(r); !c.MayEvery(bus.RightRead) {
		if !c.Known() {
			return unauthorized("Metrics name feeds and queues, and take the right to read all feeds. %s", s.waysIn())
		}
		return &problemError{
			Status: http.StatusForbidden,
			Detail: "Metrics name feeds and queues, and take the right to read all feeds. Whoever runs the server gives it: " + bus.Allowing(c.Account(), bus.RightRead, "*") + ".",
			Extra:  map[string]any{"right": "read", "feed": "*"},
		}
	}
	w.Header()["Cache-Control"] = noStore
	s.metrics.ServeHTTP(w, r)
	return nil
}

// forwarding are the fields by which proxies tell of whom they ask for.
var forwarding = [...]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Real-Ip", "Via"}

// fromThisMachine reports whether a program on this machine asks for itself. A proxy on the same
// machine asks for anybody.
func fromThisMachine(r *http.Request) bool {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, name := range forwarding {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	return true
}
