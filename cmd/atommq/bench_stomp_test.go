package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"atommq/stompgw/stomp"
)

// openTestGateway opens a gateway as the benchmark does.
func openTestGateway(t *testing.T) *benchGateway {
	t.Helper()
	g, err := (&bench{dir: t.TempDir()}).openGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func dialTest(t *testing.T, g *benchGateway) *benchStomp {
	t.Helper()
	c, err := dialBenchStomp(t.Context(), g.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestBenchProducerCountsReceiptsOnce(t *testing.T) {
	c := dialTest(t, openTestGateway(t))
	send := newBenchSend(benchQueue)
	received := 0
	for missing := range int64(10) {
		n, err := c.pump(send, 10, missing)
		if err != nil {
			t.Fatal(err)
		}
		if received += n; int64(received) != c.had || c.asked-c.had > missing {
			t.Fatalf("%d receipts are counted, %d of %d came, %d may be missing", received, c.had, c.asked, missing)
		}
	}
	if n, err := c.pump(send, 1, 0); err != nil || int64(received+n) != c.asked {
		t.Errorf("%d receipts and %d are not %d: %v", received, n, c.asked, err)
	}
}

func TestBenchConsumersAcknowledgeEveryMessage(t *testing.T) {
	const messages = 3000
	g := openTestGateway(t)
	if _, err := g.draining(messages, 2)(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	f, err := dialTest(t, g).request(stomp.SEND, "destination", "/control/count-msgs"+benchQueue)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := f.Get("num-messages"); string(n) != "0" {
		t.Errorf("%s messages wait after all were acknowledged", n)
	}
}

func TestBenchTellsWhatTheGatewayRefuses(t *testing.T) {
	c := dialTest(t, openTestGateway(t))
	if err := c.subscribe("nowhere"); err == nil || !strings.Contains(err.Error(), "got ERROR instead of RECEIPT: destination") {
		t.Errorf("a subscription that is refused gives %v", err)
	}
}

func TestBenchConnectionsEndWithTheirWork(t *testing.T) {
	g := openTestGateway(t)
	wrong := errors.New("work failed")
	for name, tt := range map[string]struct{ work, read, want error }{
		"all well":      {nil, net.ErrClosed, nil},
		"work fails":    {wrong, net.ErrClosed, wrong},
		"reading fails": {nil, wrong, wrong},
	} {
		clients, err := dialBenchStomps(t.Context(), g.address, 3)
		if err != nil {
			t.Fatal(err)
		}
		got := clients.during(t.Context(),
			func(ctx context.Context) error { return tt.work },
			func(int, *benchStomp) error { return tt.read })
		if !errors.Is(got, tt.want) {
			t.Errorf("%s: %v", name, got)
		}
		for _, c := range clients {
			if _, err := c.Write([]byte("\n")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: a connection is still open: %v", name, err)
			}
		}
	}
}

func TestATallyEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := newTally(2)
		go func() {
			counts.set(0, 5)
			counts.set(1, 3)
		}()
		if err := counts.wait(t.Context(), counts.least, 3); err != nil {
			t.Error(err)
		}
		if err := counts.wait(t.Context(), counts.sum, 9); err == nil || !strings.Contains(err.Error(), "only 8 of 9 messages came within 30s") {
			t.Errorf("waiting for what never comes gives %v", err)
		}
	})
}
