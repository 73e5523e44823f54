package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lib/pq"
	"golang.org/x/sys/unix"

	"atommq/db/dbtest"
)

// silentPort returns a port of this machine that drops who dials it, as a host does that is switched
// off: its queue of connections is full.
func silentPort(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := at.(*unix.SockaddrInet4).Port
	first, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Close() })
	return port
}

// The primary's machine is switched off, and a standby took over: signs of life have to find it
// before they are late.
func TestANodeLivesWhereTheFirstOfItsHostsIsSwitchedOff(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	where, err := url.Parse(cluster.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	q := where.Query()
	q.Set("host", "127.0.0.1,"+q.Get("host"))
	q.Set("port", strconv.Itoa(silentPort(t))+",5432")
	where.RawQuery = q.Encode()
	s := openAt(t, where.String())
	node, _ := joined(t, s)
	beats := s.commit.known.pulse
	began := time.Now()
	// It is on whichever session is free.
	cluster.Execute(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'atommq'")
	beats.beat(t.Context())
	beats.mu.Lock()
	defer beats.mu.Unlock()
	if l := beats.nodes[node]; l == nil || l.seen.Before(began) {
		t.Error("the node could give no sign of life once its sessions were lost")
	}
}

func TestWhatIsDialedForASessionThatNobodyWantsIsBrokenOff(t *testing.T) {
	t.Parallel()
	var d sessionDialer
	address, dialed := net.JoinHostPort("127.0.0.1", strconv.Itoa(silentPort(t))), make(chan error, 1)
	go func() {
		_, err := d.DialContext(t.Context(), "tcp", address)
		dialed <- err
	}()
	for dialing := false; !dialing; runtime.Gosched() {
		d.mu.Lock()
		dialing = d.abort != nil
		d.mu.Unlock()
	}
	d.end()
	if err := <-dialed; !errors.Is(err, context.Canceled) {
		t.Errorf("it was dialed to its end: %v", err)
	}
}

func TestASlowServerWithTwoFamiliesOfAddressesIsNotAskedForTwoSessions(t *testing.T) {
	four, other, six := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::1")
	for _, test := range []struct {
		found []netip.Addr
		want  []netip.Addr // of each session that is tried, the zero one for the dialer's choice
	}{
		{[]netip.Addr{four}, []netip.Addr{four}},
		{[]netip.Addr{six, four}, []netip.Addr{{}}},
		{[]netip.Addr{four, other}, []netip.Addr{four, other}},
		{[]netip.Addr{four, other, six}, []netip.Addr{four, other, six}},
	} {
		var got []netip.Addr
		for _, cfg := range eachAddress(pq.Config{Host: "db"}, test.found) {
			got = append(got, cfg.Hostaddr)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("of %v, %v are tried, want %v", test.found, got, test.want)
		}
	}
}

// lateConn is a session that somebody has to close.
type lateConn struct {
	driver.Conn
	closed bool
}

func (c *lateConn) Close() error {
	c.closed = true
	return nil
}

func TestOfHostsThatAnswerOneIsTakenAndTheOthersAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late, taken lateConn
		conn, i, _ := firstOf(t.Context(), 3, 1, func(ctx context.Context, i int) (driver.Conn, error) {
			switch i {
			case 1: // the first to be tried
				<-ctx.Done()
				return &late, nil
			case 0:
				return nil, errors.New("refused")
			}
			return &taken, nil
		})
		if conn != &taken || i != 2 || taken.closed || !late.closed {
			t.Errorf("%v of host %d is taken, closed: %t; that which came late is closed: %t", conn, i, taken.closed, late.closed)
		}
	})
}

// The address that is tried first may be that of a machine which is off, and say nothing of what is wrong.
func TestOfSeveralAddressesEachSaysWhyItHasNoSession(t *testing.T) {
	names := []string{"10.0.0.1", "10.0.0.2"}
	errs := []error{&net.OpError{Op: "dial", Net: "tcp", Err: unix.ECONNREFUSED}, &pq.Error{Code: noSuchDatabase, Message: "there is none"}}
	err := noneOf("addresses of db", errs, func(i int) string { return names[i] })
	want := "no session on any of the addresses of db; 10.0.0.1: dial tcp: connection refused; 10.0.0.2: pq: there is none (3D000)"
	if err.Error() != want || stateOf(err) != noSuchDatabase {
		t.Errorf("%v, want %s", err, want)
	}
	if err := noneOf("hosts", errs[:1], nil); err.Error() != errs[0].Error() {
		t.Errorf("of the only one: %v", err)
	}
}
