package bus_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
)

// limitOf returns the LimitError that err is.
func limitOf(t *testing.T, err error) *bus.LimitError {
	t.Helper()
	var limit *bus.LimitError
	if !errors.As(err, &limit) {
		t.Fatalf("error %v, want a LimitError", err)
	}
	return limit
}

func take(t *testing.T, c *bus.Caller, l bus.Limit, n int64) {
	t.Helper()
	if _, err := c.Take(l, n, 0); err != nil {
		t.Fatal(err)
	}
}

func setLimits(t *testing.T, store bus.Store, account string, l bus.Limits) {
	t.Helper()
	if err := store.SetLimits(t.Context(), account, l); err != nil {
		t.Fatal(err)
	}
}

func TestALimitIsASentenceWhateverItsNumber(t *testing.T) {
	for _, test := range []struct {
		account string
		limit   bus.Limit
		most    int64
		want    string
	}{
		{"ann", bus.LimitRequests, 1, `the account "ann" may send 1 request a second`},
		{"ann", bus.LimitBytes, 20, `the account "ann" may publish 20 bytes a second`},
		{"ann", bus.LimitFeeds, 0, `the account "ann" may make no feeds`},
		{"ann", bus.LimitFeeds, 1, `the account "ann" may make 1 feed, and has made one`},
		{"ann", bus.LimitFeeds, 2, `the account "ann" may make 2 feeds, and has made as many`},
		{"ann", bus.LimitConnections, 0, `the account "ann" may have no connections, streams and waiting requests at a time`},
		{"ann", bus.LimitConnections, 1, `the account "ann" may have 1 connection, stream or waiting request at a time, and has one`},
		{"ann", bus.LimitSubscriptions, 0, `the account "ann" may have no subscriptions at a time`},
		{bus.Anonymous, bus.LimitSubscriptions, 3, "whoever has no account may have 3 subscriptions at a time, and has as many"},
	} {
		if got := (&bus.LimitError{Account: test.account, Limit: test.limit, Most: test.most}).Error(); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

func TestARateLetsASecondsWorthComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		fill(t, store, []string{"ann:pw", "bob:pw"}, "ann x publish")
		setLimits(t, store, "ann", bus.Limits{bus.LimitRequests: 10})
		a := openAccess(t, store, bus.AccessConfig{})
		ann, again, bob := login(t, a, "ann", "pw"), login(t, a, "ann", "pw"), login(t, a, "bob", "pw")
		for range 5 {
			take(t, ann, bus.LimitRequests, 1)
			take(t, again, bus.LimitRequests, 1)
		}
		_, err := ann.Take(bus.LimitRequests, 1, 0)
		if limit := limitOf(t, err); limit.Wait != 100*time.Millisecond || limit.Most != 10 || limit.Changing() != "atommq user limit ann requests=…" {
			t.Errorf("the eleventh request: %+v", limit)
		}
		if wait, err := ann.Take(bus.LimitRequests, 1, time.Second); err != nil || wait != 100*time.Millisecond {
			t.Errorf("with patience: %v, %v", wait, err)
		}
		<-time.After(199 * time.Millisecond)
		if _, err := ann.Take(bus.LimitRequests, 1, 0); err == nil {
			t.Error("a request was taken too soon")
		}
		<-time.After(time.Millisecond)
		take(t, ann, bus.LimitRequests, 1)
		for range 1000 {
			take(t, bob, bus.LimitRequests, 1)
		}
		if bob.Limited() || !ann.Limited() || a.Refused(bus.LimitRequests) != 2 {
			t.Errorf("bob limited %v, ann limited %v, %d refused", bob.Limited(), ann.Limited(), a.Refused(bus.LimitRequests))
		}
	})
}

func TestWhatIsLargerThanASecondsWorthIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		fill(t, store, []string{"ann:pw"}, "ann x publish")
		setLimits(t, store, "ann", bus.Limits{bus.LimitBytes: 1000})
		a := openAccess(t, store, bus.AccessConfig{})
		ann := login(t, a, "ann", "pw")
		take(t, ann, bus.LimitBytes, 4000)
		_, err := ann.Take(bus.LimitBytes, 1, 0)
		if limit := limitOf(t, err); limit.Wait.Round(time.Second) != 3*time.Second {
			t.Errorf("after four seconds' worth: %v", limit.Wait)
		}
		ann.Charge(bus.LimitBytes, 1000)
		<-time.After(4 * time.Second)
		if _, err := ann.Take(bus.LimitBytes, 1, 0); err == nil {
			t.Error("what was charged is not owed")
		}
		<-time.After(time.Second)
		take(t, ann, bus.LimitBytes, 1000)
		ann.Charge(bus.LimitBytes, 1<<62)
		if _, err := ann.Take(bus.LimitBytes, 1, 0); err == nil {
			t.Error("a debt without bounds counts for nothing")
		}
	})
}

func TestALimitThatChangesCountsWithinTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		fill(t, store, []string{"ann:pw"}, "ann x publish")
		a := openAccess(t, store, bus.AccessConfig{})
		ann := login(t, a, "ann", "pw")
		for range 3 {
			if err := ann.Enter(bus.LimitConnections); err != nil {
				t.Fatal(err)
			}
		}
		setLimits(t, store, bus.Everyone, bus.Limits{bus.LimitConnections: 3})
		<-time.After(2 * time.Second)
		_ = limitOf(t, ann.Enter(bus.LimitConnections)) // those from before count
		ann.Leave(bus.LimitConnections, 1)
		if err := ann.Enter(bus.LimitConnections); err != nil {
			t.Error(err)
		}
		setLimits(t, store, "ann", bus.Limits{bus.LimitConnections: bus.Unlimited})
		<-time.After(2 * time.Second)
		if err := ann.Enter(bus.LimitConnections); err != nil {
			t.Errorf("an account that has no limit has everyone's: %v", err)
		}
		setLimits(t, store, "ann", bus.Limits{bus.LimitConnections: 0, bus.LimitRequests: 1})
		<-time.After(2 * time.Second)
		_ = limitOf(t, ann.Enter(bus.LimitConnections))
		_ = limitOf(t, login(t, a, "ann", "pw").Enter(bus.LimitConnections))
	})
}

func TestStrangersAreCountedByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		setLimits(t, store, bus.Anonymous, bus.Limits{bus.LimitRequests: 1})
		a := openAccess(t, store, bus.AccessConfig{})
		if !a.IsOpen() {
			t.Error("a limit closes the bus")
		}
		from := func(address string) *bus.Caller { return a.Visitor(netip.MustParseAddr(address)) }
		for _, test := range []struct {
			address string
			refused bool
		}{
			{"192.0.2.1", false},
			{"192.0.2.1", true},
			{"::ffff:192.0.2.1", true},
			{"192.0.2.2", false},
			{"2001:db8::1", false},
			{"2001:db8::ffff", true},
			{"2001:db8:0:1::1", false},
		} {
			if _, err := from(test.address).Take(bus.LimitRequests, 1, 0); (err != nil) != test.refused {
				t.Errorf("%s: %v", test.address, err)
			}
		}
		// More addresses than are remembered share one count, until the others owe nothing.
		for i := range 20_000 {
			_, _ = from(fmt.Sprintf("10.0.%d.%d", i/256, i%256)).Take(bus.LimitRequests, 1, 0)
		}
		if _, err := from("198.51.100.1").Take(bus.LimitRequests, 1, 0); err == nil {
			t.Error("addresses are remembered without bounds")
		}
		<-time.After(2 * time.Second)
		take(t, from("198.51.100.1"), bus.LimitRequests, 1)
		if _, err := from("198.51.100.1").Take(bus.LimitRequests, 1, 0); err == nil {
			t.Error("a new address has no count of its own")
		}
	})
}

func TestFeedsCountForTheAccountThatMadeThem(t *testing.T) {
	store := &bustest.Memory{}
	fill(t, store, []string{"ann:pw"}, "ann * admin", "anonymous * publish")
	setLimits(t, store, bus.Everyone, bus.Limits{bus.LimitFeeds: 2})
	a := openAccess(t, store, bus.AccessConfig{Login: "root", Passcode: "root"})
	b, err := bus.Open(t.Context(), store, nil, bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ann, root := login(t, a, "ann", "pw"), login(t, a, "root", "root")
	makeFeed := func(by *bus.Caller, feed string) error { return b.MakeFeed(t.Context(), feed, by) }
	var making sync.WaitGroup
	for i := range 10 {
		making.Go(func() { _ = makeFeed(ann, fmt.Sprint("ann", i)) })
	}
	making.Wait()
	list, err := b.Feeds(t.Context(), "", "", 100)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d feeds, %v; want 2", len(list), err)
	}
	if limit := limitOf(t, makeFeed(ann, "more")); limit.Limit != bus.LimitFeeds || limit.Wait != 0 {
		t.Errorf("one more: %+v", limit)
	}
	for _, err := range []error{
		makeFeed(ann, list[0].Name), makeFeed(root, "root's"), makeFeed(a.Anonymous(), "x"),
		makeFeed(a.Visitor(netip.MustParseAddr("192.0.2.1")), "y"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	_ = limitOf(t, makeFeed(a.Visitor(netip.MustParseAddr("192.0.2.2")), "z")) // strangers share them
	if err := b.DropFeed(context.Background(), list[0].Name, 0); err != nil {
		t.Fatal(err)
	}
	if err := makeFeed(ann, "in its place"); err != nil {
		t.Error(err)
	}
	_ = limitOf(t, makeFeed(ann, list[0].Name))
}

func BenchmarkLimits(b *testing.B) {
	store := &bustest.Memory{}
	if err := store.AddAccount(b.Context(), bus.Account{Name: "ann"}); err != nil {
		b.Fatal(err)
	}
	token, digest := bus.NewToken()
	if err := store.AddToken(b.Context(), bus.Token{Digest: digest, Account: "ann", Label: "x"}); err != nil {
		b.Fatal(err)
	}
	for _, limited := range []bool{false, true} {
		if limited {
			if err := store.SetLimits(b.Context(), "ann", bus.Limits{bus.LimitRequests: 1 << 40}); err != nil {
				b.Fatal(err)
			}
		}
		a, err := bus.OpenAccess(b.Context(), store, bus.AccessConfig{})
		if err != nil {
			b.Fatal(err)
		}
		defer a.Close()
		ann, err := a.Token(b.Context(), token)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("limited=%v", limited), func(b *testing.B) {
			for b.Loop() {
				_, _ = ann.Take(bus.LimitRequests, 1, 0)
			}
		})
	}
}
