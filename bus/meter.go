package bus

import (
	"sync/atomic"
	"time"
)

// meter counts what one account takes on this node. Nobody waits for a lock to be counted.
type meter struct {
	// owed is, by rate, until when what was taken is paid off, in time since the Access was opened:
	// the rate says how long each byte or request takes. (GCRA, "leaky bucket as a meter": one
	// number is the whole bucket, whatever rate is set meanwhile, and what is larger than the
	// bucket can be taken, and is owed. golang.org/x/time/rate refuses that.)
	owed [LimitBytes + 1]atomic.Int64
	// held is what there is at a time, by limit; those of rates are not used.
	held [limitKinds]atomic.Int64
}

// burst is how much may come at once: what the rate gives in this time. What is larger is taken
// when nothing is owed.
const burst = time.Second

// longestDebt bounds what one taking may owe, so that nothing overflows.
const longestDebt = 365 * 24 * time.Hour

// costOf returns the time that the rate has for n.
func costOf(n, rate int64) time.Duration {
	return time.Duration(min(float64(n)/float64(rate)*float64(time.Second), float64(longestDebt)))
}

// take takes what costs so much, at a time since the Access was opened, and returns how long it
// takes until that is within the rate. When that is longer than patience, nothing is taken.
func (m *meter) take(l Limit, now, cost, patience time.Duration) (wait time.Duration, taken bool) {
	owed := &m.owed[l]
	for {
		until := owed.Load()
		begin := max(until, int64(now))
		wait = max(time.Duration(begin)+min(cost, burst)-burst-now, 0)
		if wait > patience {
			return wait, false
		}
		if owed.CompareAndSwap(until, min(begin+int64(cost), int64(now+longestDebt))) {
			return wait, true
		}
	}
}

// idle reports whether nothing is owed and nothing held: then the meter is as good as a new one.
func (m *meter) idle(now time.Duration) bool {
	for l := range m.owed {
		if m.owed[l].Load() > int64(now) {
			return false
		}
	}
	return m.held[LimitConnections].Load() == 0 && m.held[LimitSubscriptions].Load() == 0
}

// Limited reports whether the caller has any limit.
func (c *Caller) Limited() bool { return c != nil && c.meter != nil && c.standing().bounds != nil }

// most returns the caller's limit, Unlimited if it has none.
func (c *Caller) most(l Limit) int64 {
	if c == nil || c.meter == nil {
		return Unlimited
	}
	if b := c.standing().bounds; b != nil {
		return b[l]
	}
	return Unlimited
}

// Take takes n requests or bytes, and returns how long the caller has to wait before it goes on.
// When that is longer than patience it takes nothing, and returns a *LimitError that says how long.
func (c *Caller) Take(l Limit, n int64, patience time.Duration) (time.Duration, error) {
	most := c.most(l)
	if most < 0 {
		return 0, nil
	}
	wait, taken := c.meter.take(l, time.Since(c.access.begun), costOf(n, most), patience)
	if !taken {
		return 0, c.refuse(l, most, wait)
	}
	return wait, nil
}

// Charge takes n without asking: it has come already.
func (c *Caller) Charge(l Limit, n int64) {
	if most := c.most(l); most > 0 {
		c.meter.take(l, time.Since(c.access.begun), costOf(n, most), longestDebt)
	}
}

// Enter counts one more connection or subscription, until Leave. A *LimitError if there may be no
// more. Those without limits are counted, too, for the time when they have one.
func (c *Caller) Enter(l Limit) error {
	if c == nil || c.meter == nil {
		return nil
	}
	held := c.meter.held[l].Add(1)
	if most := c.most(l); most >= 0 && held > most {
		c.meter.held[l].Add(-1)
		return c.refuse(l, most, 0)
	}
	return nil
}

// Leave counts n fewer that Enter has counted.
func (c *Caller) Leave(l Limit, n int) {
	if c != nil && c.meter != nil {
		c.meter.held[l].Add(int64(-n))
	}
}

func (c *Caller) refuse(l Limit, most int64, wait time.Duration) *LimitError {
	c.access.refused[l].Add(1)
	return &LimitError{Account: c.name(), Limit: l, Most: most, Wait: wait}
}

// name returns the account's name, Anonymous for whoever has none.
func (c *Caller) name() string {
	if c.account == "" {
		return Anonymous
	}
	return c.account
}

// Refused returns how often somebody was refused because of a limit, so far on this node.
func (a *Access) Refused(l Limit) int64 { return a.refused[l].Load() }
