package stompgw_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

// sharedAccess is an Access with nothing but the account that all share.
func sharedAccess(t *testing.T, login, passcode string) *bus.Access {
	t.Helper()
	a, err := bus.OpenAccess(t.Context(), nil, bus.AccessConfig{Login: login, Passcode: passcode})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// guests are accounts, and a gateway for them. The account root, with the passcode r, may do everything.
type guests struct {
	*gateway
	store  *bustest.Memory
	access *bus.Access
	token  map[string]string
}

// invite runs a gateway with the rules "account feed rights".
func invite(t *testing.T, rules ...string) *guests {
	t.Helper()
	g := &guests{store: new(bustest.Memory), token: make(map[string]string)}
	for _, rule := range rules {
		words := strings.Fields(rule)
		if name := words[0]; name != bus.Anonymous && g.token[name] == "" {
			token, digest := bus.NewToken()
			g.token[name] = token
			if err := g.store.AddAccount(t.Context(), bus.Account{Name: name}); err != nil {
				t.Fatal(err)
			}
			if err := g.store.AddToken(t.Context(), bus.Token{Digest: digest, Account: name, Label: "t"}); err != nil {
				t.Fatal(err)
			}
		}
		rights, err := bus.ParseRights(words[2])
		if err == nil {
			err = g.store.SetRule(t.Context(), bus.Rule{Account: words[0], Feed: words[1], Rights: rights})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	access, err := bus.OpenAccess(context.Background(), g.store, bus.AccessConfig{Login: "root", Passcode: "r"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(access.Close)
	g.access = access
	g.gateway = start(t, func(s *stompgw.Server) { s.Access = access })
	return g
}

// as begins a session of an account, by its token.
func (g *guests) as(t *testing.T, account string) *client {
	t.Helper()
	c := g.dial(t)
	switch account {
	case "":
		c.sendFrame("CONNECT", "accept-version:1.2", "host:test")
	case "root":
		c.sendFrame("CONNECT", "accept-version:1.2", "host:test", "login:root", "passcode:r")
	default:
		c.sendFrame("CONNECT", "accept-version:1.2", "host:test", "login:", "passcode:"+g.token[account])
	}
	if f := c.next(); f.Command != stomp.CONNECTED {
		t.Fatalf("%s: got %s", account, show(f))
	}
	return c
}

// done sends a frame with a receipt and waits for that.
func (c *client) done(lines ...string) {
	c.t.Helper()
	c.sendFrame(append(lines, "receipt:done")...)
	if f := c.next(); f.Command != stomp.RECEIPT {
		c.t.Fatalf("%q: got %s", lines, show(f))
	}
}

func TestATokenStandsForTheLogin(t *testing.T) {
	g := invite(t, "ann x read")
	for _, test := range []struct {
		fields []string
		in     bool
	}{
		{[]string{"login:", "passcode:" + g.token["ann"]}, true},
		{[]string{"passcode:" + g.token["ann"]}, true},
		{[]string{"login:ann", "passcode:" + g.token["ann"]}, true},
		{[]string{"login:bob", "passcode:" + g.token["ann"]}, false},
		{[]string{"login:ann", "passcode:x"}, false},
		{[]string{"login:ann"}, false},
		{nil, false},
	} {
		c := g.dial(t)
		c.sendFrame(append([]string{"CONNECT", "accept-version:1.2", "host:test"}, test.fields...)...)
		if f := c.next(); (f.Command == stomp.CONNECTED) != test.in {
			t.Errorf("%q: got %s", test.fields, show(f))
		}
	}
}

// TestEveryFrameTakesItsRight sends frames as accounts that have one right each.
func TestEveryFrameTakesItsRight(t *testing.T) {
	g := invite(t, "reader x read", "publisher x publish", "consumer x consume", "anonymous news read")
	for _, test := range []struct {
		frame, allowed, lacks string
	}{
		{"SEND|destination:/queue/x", "publisher", "publish"},
		{"SEND|destination:/topic/x", "publisher", "publish"},
		{"SEND|destination:/topic/x|persistent:false", "publisher", "publish"},
		{"SUBSCRIBE|id:1|destination:/topic/x", "reader", "read"},
		{"SUBSCRIBE|id:1|destination:/topic/x|Xlastid:0", "reader", "read"},
		{"SUBSCRIBE|id:1|destination:/topic/x*", "reader consumer", "read"},
		{"SUBSCRIBE|id:1|destination:/topic/x.dead", "reader consumer", "read"},
		{"SUBSCRIBE|id:1|destination:/queue/x", "consumer", "consume"},
		{"SUBSCRIBE|id:1|destination:/queue/x|browser:true", "consumer", "consume"},
		{"SUBSCRIBE|id:1|destination:/topic/news", "reader publisher consumer ", "read"},
		{"SEND|destination:/topic/news", "", "publish"},
		{"SEND|destination:/control/count-msgs/queue/x", "reader consumer", "read or consume"},
		{"SEND|destination:/control/count-subscribers/topic/x", "reader consumer", "read or consume"},
		{"SUBSCRIBE|id:1|destination:/temp-queue/a", "publisher", "publish"},
	} {
		for _, account := range []string{"reader", "publisher", "consumer", ""} {
			c := g.as(t, account)
			c.sendFrame(append(strings.Split(test.frame, "|"), "receipt:r")...)
			f := c.next()
			for f.Command == stomp.MESSAGE {
				f = c.next()
			}
			allowed := account != "" && strings.Contains(" "+test.allowed+" ", " "+account+" ") || account == "" && strings.HasSuffix(test.allowed, " ")
			switch {
			case (f.Command == stomp.RECEIPT) != allowed:
				t.Errorf("%s as %q: got %s", test.frame, account, show(f))
			case !allowed && (!strings.Contains(header(f, "message"), "lacks the right to "+test.lacks+" in") || header(f, "receipt-id") != "r"):
				t.Errorf("%s as %q does not say what is missing: %s", test.frame, account, show(f))
			}
		}
	}
}

func TestAPrefixShowsOnlyWhatMayBeRead(t *testing.T) {
	g := invite(t, "ann a/open read", "ann b read")
	root := g.as(t, "root")
	root.done("SEND", "destination:/topic/a/secret")
	root.done("SEND", "destination:/topic/a/open", "n:1")
	ann := g.as(t, "ann")
	ann.done("SUBSCRIBE", "id:old", "destination:/topic/a*", "Xlastid:0", "ack:client-individual", "prefetch:1")
	got := ann.next()
	if header(got, "destination") != "/topic/a/open" {
		t.Fatalf("got %s", show(got))
	}
	ann.done("SUBSCRIBE", "id:live", "destination:/topic/*")
	root.done("SEND", "destination:/topic/a/secret", "persistent:false")
	root.done("SEND", "destination:/topic/a/secret")
	root.done("SEND", "destination:/topic/b")
	if got := ann.next(); header(got, "destination") != "/topic/b" {
		t.Errorf("got %s", show(got))
	}
}

// What was pruned of feeds that one may not read is no gap of theirs, and names none of them.
func TestAPrefixTellsNothingOfWhatOthersLost(t *testing.T) {
	for _, rule := range []string{"ann pub* read", "ann * consume"} { // who consumes reads dead letters, of any feed
		b := invite(t, rule, "ann pub* read")
		root, ann := b.as(t, "root"), b.as(t, "ann")
		for _, feed := range []string{"pub", "secret", "secret", "pub"} {
			root.done("SEND", "destination:/topic/"+feed)
		}
		if n, err := b.Bus.Prune(t.Context(), "secret", 3); n != 2 || err != nil {
			t.Fatalf("Prune = %d, %v", n, err)
		}
		ann.done("SUBSCRIBE", "id:1", "destination:/topic/*", "Xlastid:1")
		if got := ann.next(); header(got, "Xlastid") != "4" {
			t.Errorf("%s: got %s", rule, show(got))
		}
	}
}

func TestARightTakenAwayEndsTheSessionAtTheNextMessage(t *testing.T) {
	for destination, rule := range map[string]string{"/topic/x": "read", "/queue/x": "consume"} {
		g := invite(t, "ann x "+rule, "ann y read")
		root, ann := g.as(t, "root"), g.as(t, "ann")
		ann.done("SUBSCRIBE", "id:1", "destination:"+destination)
		root.done("SEND", "destination:"+destination)
		if f := ann.next(); f.Command != stomp.MESSAGE {
			t.Fatalf("got %s", show(f))
		}
		g.deny(t, "ann", "x")
		root.done("SEND", "destination:"+destination)
		if f := ann.next(); f.Command != stomp.ERROR || !strings.Contains(header(f, "message"), "lacks the right to "+rule) {
			t.Errorf("%s: got %s", destination, show(f))
		}
		ann.expectEnd()
	}
}

// That a right is missing would send whoever runs the server to look for a rule.
func TestASessionWhoseTokenWasTakenAwayIsToldSo(t *testing.T) {
	g := invite(t, "ann x read")
	root, ann := g.as(t, "root"), g.as(t, "ann")
	ann.done("SUBSCRIBE", "id:1", "destination:/topic/x")
	g.change(t, func() error { return g.store.RemoveToken(t.Context(), "ann", "t") })
	root.done("SEND", "destination:/topic/x")
	if f := ann.next(); f.Command != stomp.ERROR || !strings.Contains(header(f, "message"), "the token has run out or was taken away") {
		t.Errorf("got %s", show(f))
	}
	ann.expectEnd()
}

func TestARightTakenAwayHoldsForWhatATransactionHasSent(t *testing.T) {
	for _, send := range [][]string{{"destination:/queue/x"}, {"destination:/topic/x"}, {"destination:/topic/x", "persistent:false"}} {
		g := invite(t, "ann x publish", "ann y publish")
		ann := g.as(t, "ann")
		ann.done("BEGIN", "transaction:t")
		ann.done("SEND", "transaction:t", "destination:/topic/y")
		ann.done(append([]string{"SEND", "transaction:t"}, send...)...)
		g.deny(t, "ann", "x")
		ann.sendFrame("COMMIT", "transaction:t", "receipt:done")
		if f := ann.next(); f.Command != stomp.ERROR || !strings.Contains(header(f, "message"), "lacks the right to publish") {
			t.Errorf("%q: got %s", send, show(f))
		}
		if n := g.Bus.Stats().Entries; n > 0 {
			t.Errorf("%q: %d entries were published", send, n)
		}
	}
}

// deny takes an account's rule about a feed away, and waits until that holds.
func (g *guests) deny(t *testing.T, account, feed string) {
	t.Helper()
	g.change(t, func() error { return g.store.SetRule(t.Context(), bus.Rule{Account: account, Feed: feed}) })
}

// change changes who may do what, and waits until that holds.
func (g *guests) change(t *testing.T, how func() error) {
	t.Helper()
	changed := g.Access.Changed()
	if err := how(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("nobody learned of it")
	}
}

func TestWhoIsAskedMayAnswer(t *testing.T) {
	g := invite(t, "asker q publish", "worker q consume")
	worker := g.as(t, "worker")
	worker.done("SUBSCRIBE", "id:1", "destination:/queue/q")
	asker := g.as(t, "asker")
	asker.done("SEND", "destination:/queue/q", "reply-to:/temp-queue/answers")
	question := worker.next()
	worker.done("SEND", "destination:"+header(question, "reply-to"), "answer:42")
	if f := asker.next(); header(f, "answer") != "42" {
		t.Errorf("got %s", show(f))
	}
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

func TestNoPasscodeIsLogged(t *testing.T) {
	var log lockedBuffer
	g := start(t, func(s *stompgw.Server) {
		s.Access = sharedAccess(t, "me", "sesame-right")
		s.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for _, passcode := range []string{"sesame-right", "sesame-wrong", "sesame-\\x"} {
		c := g.dial(t)
		c.sendFrame("CONNECT", "accept-version:1.2", "host:test", "login:me", "passcode:"+passcode)
		c.next()
		c.sendFrame("SEND")
		_, _ = c.read()
	}
	if log.String() == "" || strings.Contains(log.String(), "sesame") {
		t.Errorf("the log has: %s", log.String())
	}
}

// TestALoginThatFailsIsLoggedByItsName has passcodes and tokens in the wrong header, too.
func TestALoginThatFailsIsLoggedByItsName(t *testing.T) {
	var log lockedBuffer
	g := start(t, func(s *stompgw.Server) {
		s.Access = sharedAccess(t, "me", "sesame-right")
		s.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	token, _ := bus.NewToken()
	for _, test := range []struct{ login, passcode, logged string }{
		{"ann", "x", "login=ann"},
		{"ann b", "x", `login="ann b"`},
		{strings.Repeat("a", 1000), "x", "login=" + strings.Repeat("a", 64)},
		{token, "", "login=(withheld)"},
		{"secret", "secret", "login=(withheld)"},
	} {
		c := g.dial(t)
		c.sendFrame("CONNECT", "accept-version:1.2", "host:test", "login:"+test.login, "passcode:"+test.passcode)
		c.next()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if got := lines[len(lines)-1]; !strings.HasSuffix(got, " "+test.logged) {
			t.Errorf("of %.20s the log has %s", test.login, got)
		}
	}
	if strings.Contains(log.String(), token) || strings.Contains(log.String(), "secret") {
		t.Errorf("the log has: %s", log.String())
	}
}
