package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/lib/pq"
)

// hostPause is how long a host may keep who connects waiting before the next one is tried beside it.
// One that is switched off answers nothing, and a sign of life would be late by the time that the
// driver gave it up.
const hostPause = 300 * time.Millisecond

// reach has open open a session with the server: of several hosts on the one that had the last
// session, or else on the first that has one.
func (s *server) reach(ctx context.Context, cfg pq.Config, open func(context.Context, pq.Config) (driver.Conn, error)) (driver.Conn, error) {
	hosts := hostsOf(cfg)
	conn, i, errs := firstOf(ctx, len(hosts), int(s.last.Load()), func(ctx context.Context, i int) (driver.Conn, error) {
		addresses, err := addressesOf(ctx, hosts[i])
		if err != nil {
			return nil, err
		}
		conn, _, errs := firstOf(ctx, len(addresses), 0, func(ctx context.Context, i int) (driver.Conn, error) {
			return open(ctx, addresses[i])
		})
		if conn == nil {
			return nil, noneOf("addresses of "+hosts[i].Host, errs, func(i int) string { return addresses[i].Hostaddr.String() })
		}
		return conn, nil
	})
	if conn == nil {
		return nil, noneOf("hosts", errs, func(i int) string { return fmt.Sprintf("%s:%d", hosts[i].Host, hosts[i].Port) })
	}
	s.last.Store(int32(i)) //nolint:gosec // as many hosts as a URL names
	return conn, nil
}

// noneOf says why there is a session on none of several, each of which has a name, or why not on the only one.
func noneOf(several string, errs []error, name func(i int) string) error {
	if len(errs) == 1 {
		return errs[0]
	}
	err := errors.New("no session on any of the " + several)
	for i := range errs {
		err = fmt.Errorf("%w; %s: %w", err, name(i), errs[i])
	}
	return err
}

// hostsOf returns what cfg says of each of its hosts. Where any of them is as good, standby or not,
// their order counts, and the driver tries one after the other.
func hostsOf(cfg pq.Config) []pq.Config {
	if cfg.TargetSessionAttrs == pq.TargetSessionAttrsAny {
		return []pq.Config{cfg}
	}
	more := cfg.Multi
	cfg.Multi = nil
	hosts := []pq.Config{cfg}
	for _, m := range more {
		h := cfg.Clone()
		h.Host, h.Hostaddr, h.Port = m.Host, m.Hostaddr, m.Port
		hosts = append(hosts, h)
	}
	return hosts
}

// addressesOf returns what cfg says of each address that its host has.
func addressesOf(ctx context.Context, cfg pq.Config) ([]pq.Config, error) {
	if len(cfg.Multi) > 0 || cfg.Hostaddr.IsValid() || filepath.IsAbs(cfg.Host) || strings.HasPrefix(cfg.Host, "@") {
		return []pq.Config{cfg}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", cfg.Host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	return eachAddress(cfg, found), nil
}

// eachAddress returns what cfg says of each of the addresses that its host has. One of IPv4 and one of
// IPv6 are the same machine's, which need not begin two sessions when it is slow: the dialer tries
// both, and keeps one connection.
func eachAddress(cfg pq.Config, found []netip.Addr) (addresses []pq.Config) {
	if len(found) == 2 && found[0].Unmap().Is4() != found[1].Unmap().Is4() {
		return []pq.Config{cfg}
	}
	for _, ip := range found {
		a := cfg.Clone()
		a.Hostaddr = ip.Unmap()
		addresses = append(addresses, a)
	}
	return addresses
}

// firstOf returns the first session that open has for a number below n, and that number, or else
// the error of each. It begins with the number first, and goes on with the next when one has failed,
// or lets it wait; once there is a session, it gives the others up.
func firstOf(ctx context.Context, n, first int, open func(context.Context, int) (driver.Conn, error)) (driver.Conn, int, []error) {
	type outcome struct {
		i    int
		conn driver.Conn
		err  error
	}
	order := []int{first}
	for i := range n {
		if i != first {
			order = append(order, i)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs, outcomes, begun := make([]error, n), make(chan outcome), 0
	next := time.NewTimer(0) // begins with the first one
	defer next.Stop()
	for left := n; left > 0; {
		select {
		case <-next.C:
			if begun == n {
				continue
			}
			i := order[begun]
			begun++
			go func() {
				conn, err := open(ctx, i)
				outcomes <- outcome{i, conn, err}
			}()
			next.Reset(hostPause)
		case o := <-outcomes:
			left--
			errs[o.i] = o.err
			if o.err != nil {
				next.Reset(0)
				continue
			}
			cancel()
			for range begun - (n - left) {
				if late := <-outcomes; late.err == nil {
					_ = late.conn.Close()
				}
			}
			return o.conn, o.i, nil
		}
	}
	return nil, 0, errs
}
