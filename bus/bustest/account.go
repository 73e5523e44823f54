package bustest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

// accessPromises are those about who may do what.
func accessPromises() []promise {
	return []promise{
		{"accounts, tokens and rules come back as they were given", testRoll},
		{"a removed account takes its tokens and rules", testRemoveAccount},
		{"a change of the roll that breaks a rule changes nothing", testRollRefusals},
		{"every change of the roll raises its revision", testRollRevision},
		{"limits come back as they were given", testLimits},
		{"a feed belongs to who made it, as long as both are there", testOwnedFeeds},
		{"makers of feeds at the same time make no more than they may", testOwnedFeedsTogether},
	}
}

func (s *suite) roll() *bus.Roll {
	s.Helper()
	r, err := s.Roll(context.Background())
	if err != nil {
		s.Fatalf("Roll: %v", err)
	}
	return r
}

// ok checks that nothing failed.
func (s *suite) ok(errs ...error) {
	s.Helper()
	if err := errors.Join(errs...); err != nil {
		s.Fatal(err)
	}
}

func (s *suite) wantRoll(want bus.Roll) {
	s.Helper()
	got := s.roll()
	got.Revision = 0
	if diff := cmp.Diff(&want, got); diff != "" {
		s.Fatalf("Roll (-want +got):\n%s", diff)
	}
}

// twoAccounts adds ann and bob, with a token and a rule each.
func (s *suite) twoAccounts() bus.Roll {
	s.Helper()
	ctx := context.Background()
	want := bus.Roll{
		Accounts: []bus.Account{{Name: "ann", Password: "$2a$…", Created: s.at}, {Name: "böb", Created: s.at}},
		Tokens: []bus.Token{
			{Digest: [32]byte{1, 0, 255}, Account: "ann", Label: "laptop", Created: s.at},
			{Digest: [32]byte{2}, Account: "böb", Label: "laptop", Created: s.at, Expires: s.at.Add(time.Hour)},
		},
		Rules: []bus.Rule{
			{Account: "ann", Feed: "*", Rights: bus.RightAdmin},
			{Account: bus.Anonymous, Feed: "news", Rights: bus.RightRead},
			{Account: "böb", Feed: "ü/*", Rights: bus.RightRead | bus.RightConsume},
		},
	}
	for i := range want.Accounts {
		a := want.Accounts[len(want.Accounts)-1-i]
		s.ok(s.AddAccount(ctx, a))
	}
	for i := range want.Tokens {
		s.ok(s.AddToken(ctx, want.Tokens[i]))
	}
	for i := range want.Rules {
		s.ok(s.SetRule(ctx, want.Rules[i]))
	}
	return want
}

func testRoll(_ *testing.T, s *suite) {
	s.wantRoll(bus.Roll{})
	want := s.twoAccounts()
	s.wantRoll(want)
	ctx := context.Background()
	s.ok(s.SetPassword(ctx, "böb", "$2a$new"),
		s.SetRule(ctx, bus.Rule{Account: "ann", Feed: "*", Rights: bus.RightEdit}),
		s.SetRule(ctx, bus.Rule{Account: bus.Anonymous, Feed: "news"}),
		s.SetRule(ctx, bus.Rule{Account: bus.Anonymous, Feed: "none"}),
		s.RemoveToken(ctx, "ann", "laptop"))
	want.Accounts[1].Password = "$2a$new"
	want.Rules[0].Rights = bus.RightEdit
	want.Rules = append(want.Rules[:1], want.Rules[2])
	want.Tokens = want.Tokens[1:]
	s.wantRoll(want)
}

func testRemoveAccount(_ *testing.T, s *suite) {
	want := s.twoAccounts()
	s.ok(s.RemoveAccount(context.Background(), "ann"))
	s.wantRoll(bus.Roll{Accounts: want.Accounts[1:], Tokens: want.Tokens[1:], Rules: want.Rules[1:]})
	s.ok(s.AddAccount(context.Background(), want.Accounts[0]))
	s.wantRoll(bus.Roll{Accounts: want.Accounts, Tokens: want.Tokens[1:], Rules: want.Rules[1:]})
}

func testRollRefusals(t *testing.T, s *suite) {
	want := s.twoAccounts()
	before := s.roll().Revision
	ctx := context.Background()
	for _, test := range []struct{ got, want error }{
		{s.AddAccount(ctx, bus.Account{Name: "ann", Password: "other", Created: s.at}), bus.ErrAccountExists},
		{s.SetPassword(ctx, "Ann", "x"), bus.ErrNoAccount},
		{s.RemoveAccount(ctx, "carl"), bus.ErrNoAccount},
		{s.SetRule(ctx, bus.Rule{Account: "carl", Feed: "x", Rights: bus.RightRead}), bus.ErrNoAccount},
		{s.AddToken(ctx, bus.Token{Digest: [32]byte{3}, Account: bus.Anonymous, Label: "x", Created: s.at}), bus.ErrNoAccount},
		{s.AddToken(ctx, bus.Token{Digest: [32]byte{3}, Account: "ann", Label: "laptop", Created: s.at}), bus.ErrTokenExists},
		{s.RemoveToken(ctx, "ann", "phone"), bus.ErrNoToken},
		{s.SetLimits(ctx, "carl", bus.Limits{bus.LimitFeeds: 1}), bus.ErrNoAccount},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("got %v, want %v", test.got, test.want)
		}
	}
	s.wantRoll(want)
	if after := s.roll().Revision; after != before {
		t.Errorf("what was refused made revision %d of %d", after, before)
	}
}

func testRollRevision(t *testing.T, s *suite) {
	ctx := context.Background()
	last := s.roll().Revision
	for i, change := range []func() error{
		func() error { return s.AddAccount(ctx, bus.Account{Name: "ann", Created: s.at}) },
		func() error { return s.SetPassword(ctx, "ann", "x") },
		func() error { return s.SetRule(ctx, bus.Rule{Account: "ann", Feed: "x", Rights: bus.RightRead}) },
		func() error { return s.SetRule(ctx, bus.Rule{Account: "ann", Feed: "x"}) },
		func() error { return s.AddToken(ctx, bus.Token{Account: "ann", Label: "x", Created: s.at}) },
		func() error { return s.RemoveToken(ctx, "ann", "x") },
		func() error { return s.SetLimits(ctx, bus.Everyone, bus.Limits{bus.LimitBytes: 1}) },
		func() error { return s.SetLimits(ctx, bus.Everyone, nil) },
		func() error { return s.RemoveAccount(ctx, "ann") },
	} {
		s.ok(change())
		now, err := s.RollRevision(ctx)
		s.ok(err)
		if now <= last || now != s.roll().Revision {
			t.Errorf("change %d: revision %d after %d, and %d in the roll", i, now, last, s.roll().Revision)
		}
		last = now
	}
}
