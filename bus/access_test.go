package bus_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"atommq/bus"
	"atommq/bus/bustest"
)

// fill adds accounts, "ann:password", and rules, "ann feed rights".
func fill(t *testing.T, store bus.Store, accounts []string, rules ...string) {
	t.Helper()
	for _, account := range accounts {
		name, password, _ := strings.Cut(account, ":")
		a := bus.Account{Name: name, Created: time.Now()}
		if password != "" {
			hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost) // the proper cost takes its time
			if err != nil {
				t.Fatal(err)
			}
			a.Password = string(hash)
		}
		if err := store.AddAccount(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	for _, rule := range rules {
		words := strings.Fields(rule)
		rights, err := bus.ParseRights(words[2])
		if err == nil {
			err = store.SetRule(t.Context(), bus.Rule{Account: words[0], Feed: words[1], Rights: rights})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func openAccess(t *testing.T, store bus.Store, config bus.AccessConfig) *bus.Access {
	t.Helper()
	a, err := bus.OpenAccess(t.Context(), store, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// bobsToken gives bob a token.
func bobsToken(t *testing.T, store bus.Store, label string, expires time.Time) string {
	t.Helper()
	token, digest := bus.NewToken()
	if err := store.AddToken(t.Context(), bus.Token{Digest: digest, Account: "bob", Label: label, Created: time.Now(), Expires: expires}); err != nil {
		t.Fatal(err)
	}
	return token
}

func TestWithoutAccountsEverybodyMayDoEverything(t *testing.T) {
	a := openAccess(t, &bustest.Memory{}, bus.AccessConfig{})
	guest, err := a.Login(t.Context(), "guest", "guest")
	if err != nil || !guest.May(bus.RightAdmin, "x") || !a.Anonymous().May(bus.RightAdmin, "x") || !a.IsOpen() || a.Guarded() {
		t.Errorf("a guest is kept out: %v", err)
	}
	closed := openAccess(t, &bustest.Memory{}, bus.AccessConfig{})
	closed.Shut()
	if closed.Anonymous().Rights("x") != 0 || closed.Anonymous().Welcome() {
		t.Error("a closed bus lets everybody in")
	}
	strangers := &bustest.Memory{}
	fill(t, strangers, nil, "anonymous news read")
	named := openAccess(t, strangers, bus.AccessConfig{})
	if guest, err := named.Login(t.Context(), "guest", "guest"); err != nil || !guest.May(bus.RightRead, "news") || guest.May(bus.RightRead, "x") {
		t.Errorf("a guest among strangers: %v", err)
	}
	if _, err := closed.Login(t.Context(), "guest", "guest"); !errors.Is(err, bus.ErrCredentials) {
		t.Errorf("a closed bus takes credentials: %v", err)
	}
	var nobody *bus.Caller
	if nobody.Rights("x") != 0 || nobody.Known() {
		t.Error("a caller that was forgotten has rights")
	}
}

func TestOnlyTheRightNamePasswordOrTokenLetsIn(t *testing.T) {
	store := &bustest.Memory{}
	fill(t, store, []string{"ann:s3cret", "bob"}, "ann x read", "bob y publish", "anonymous news read")
	token := bobsToken(t, store, "laptop", time.Time{})
	past := bobsToken(t, store, "old", time.Now().Add(-time.Second))
	a := openAccess(t, store, bus.AccessConfig{Login: "root", Passcode: "shared"})
	for _, test := range []struct {
		login, passcode, account string
	}{
		{"ann", "s3cret", "ann"},
		{"root", "shared", "root"},
		{"bob", token, "bob"},
		{"", token, "bob"},
	} {
		c, err := a.Login(t.Context(), test.login, test.passcode)
		if err != nil || c.Account() != test.account {
			t.Errorf("%s is refused: %v", test.account, err)
		}
	}
	for _, test := range [][2]string{
		{"ann", "S3cret"}, {"ann", "shared"}, {"ann", token}, {"Ann", "s3cret"}, {"bob", ""}, {"nobody", "nobody's, and thrown away"}, {"", past},
	} {
		if c, err := a.Login(t.Context(), test[0], test[1]); !errors.Is(err, bus.ErrCredentials) {
			t.Errorf("%q lets in: %v, %v", test, c, err)
		}
	}
	if c, err := a.Token(t.Context(), token); err != nil || !c.May(bus.RightPublish, "y") || !c.May(bus.RightRead, "news") || c.May(bus.RightRead, "y") {
		t.Errorf("the token's bearer is not bob: %v", err)
	}
}

func TestAPasswordIsNotCutShort(t *testing.T) {
	if _, err := bus.HashPassword(strings.Repeat("x", 73)); err == nil {
		t.Error("a password is taken of which bcrypt sees only a part")
	}
	store := &bustest.Memory{}
	fill(t, store, []string{"ann:" + strings.Repeat("x", 72)})
	a := openAccess(t, store, bus.AccessConfig{})
	if _, err := a.Login(t.Context(), "ann", strings.Repeat("x", 73)); !errors.Is(err, bus.ErrCredentials) {
		t.Errorf("a longer password lets in: %v", err)
	}
}

func TestACertifiedNameIsItsAccountAsLongAsThatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		open := openAccess(t, store, bus.AccessConfig{})
		if c, err := open.Certified(t.Context(), "ann"); err != nil || c != open.Anonymous() {
			t.Errorf("where everybody may do everything: %v, %v", c, err)
		}
		fill(t, store, []string{"ann:pw"}, "ann x read", "anonymous news read")
		a := openAccess(t, store, bus.AccessConfig{Login: "root", Passcode: "shared"})
		ann, err := a.Certified(t.Context(), "ann")
		if err != nil || ann.Account() != "ann" || !ann.May(bus.RightRead, "x") || ann.May(bus.RightPublish, "x") {
			t.Fatalf("ann is refused: %v", err)
		}
		for _, name := range []string{"", "bob", "root", bus.Anonymous} {
			if c, err := a.Certified(t.Context(), name); !errors.Is(err, bus.ErrCredentials) {
				t.Errorf("%q is let in: %v, %v", name, c, err)
			}
		}
		if err := store.SetPassword(t.Context(), "ann", "$2a$other"); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if !ann.May(bus.RightRead, "x") {
			t.Error("a certificate ends with a password")
		}
		if err := store.RemoveAccount(t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if ann.May(bus.RightRead, "x") || ann.Known() {
			t.Error("a certificate counts for an account that is gone")
		}
	})
}

func TestARightTakenAwayIsGoneWithinTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		fill(t, store, []string{"ann:pw", "bob:pw"}, "ann x read,publish", "bob x read")
		token := bobsToken(t, store, "laptop", time.Now().Add(time.Minute))
		other := bobsToken(t, store, "phone", time.Time{})
		a := openAccess(t, store, bus.AccessConfig{})
		ann := login(t, a, "ann", "pw")
		bob, phone := login(t, a, "", token), login(t, a, "", other)
		if !ann.May(bus.RightPublish, "x") || !bob.May(bus.RightRead, "x") {
			t.Fatal("rights are not there")
		}
		for _, step := range []struct {
			change func() error
			caller *bus.Caller
			lost   bus.Rights
			known  bool
		}{
			{func() error {
				return store.SetRule(t.Context(), bus.Rule{Account: "ann", Feed: "x", Rights: bus.RightRead})
			}, ann, bus.RightPublish, true},
			{func() error { return store.SetPassword(t.Context(), "ann", "$2a$other") }, ann, bus.RightRead, false},
			{func() error { return store.RemoveToken(t.Context(), "bob", "phone") }, phone, bus.RightRead, false},
			{func() error { pass(time.Minute); return nil }, bob, bus.RightRead, false},
		} {
			changed := a.Changed()
			if err := step.change(); err != nil {
				t.Fatal(err)
			}
			pass(2 * time.Second)
			if step.caller.May(step.lost, "x") || step.caller.Known() != step.known {
				t.Errorf("%s keeps %s", step.caller.Account(), step.lost)
			}
			select {
			case <-changed:
			default:
				t.Error("nobody was told")
			}
		}
	})
}

// pass lets time pass, in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }

func login(t *testing.T, a *bus.Access, name, passcode string) *bus.Caller {
	t.Helper()
	c, err := a.Login(t.Context(), name, passcode)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheFirstAccountEndsTheOpenHouse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		a := openAccess(t, store, bus.AccessConfig{})
		guest := a.Anonymous()
		if !guest.May(bus.RightRead, "x") {
			t.Fatal("not open")
		}
		fill(t, store, []string{"ann"})
		pass(2 * time.Second)
		if guest.May(bus.RightRead, "x") || guest.Welcome() {
			t.Error("a guest stays")
		}
		if err := store.RemoveAccount(t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if !guest.May(bus.RightRead, "x") {
			t.Error("closed for good")
		}
	})
}

func TestAccessKeepsWhatItKnowsWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fails atomic.Bool
		store := &bustest.Memory{BeforeRead: func() error {
			if fails.Load() {
				return bus.ErrUnavailable
			}
			return nil
		}}
		fill(t, store, []string{"ann:pw"}, "ann x read")
		a := openAccess(t, store, bus.AccessConfig{})
		ann := login(t, a, "ann", "pw")
		fails.Store(true)
		pass(5 * time.Second)
		if !ann.May(bus.RightRead, "x") || a.Anonymous().May(bus.RightRead, "x") {
			t.Error("a failure changed who may do what")
		}
	})
}

// properPassword gives ann the password "pw", at the proper cost.
func properPassword(t *testing.T, store bus.Store) {
	t.Helper()
	hash, err := bus.HashPassword("pw")
	if err == nil {
		err = store.SetPassword(t.Context(), "ann", hash)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAStrangersNameCostsWhatAWrongPasswordCosts(t *testing.T) {
	store := &bustest.Memory{}
	fill(t, store, []string{"ann", "bob"})
	properPassword(t, store)
	a := openAccess(t, store, bus.AccessConfig{})
	quickest := func(name string, of int) time.Duration {
		best := time.Hour
		for range of {
			begin := time.Now()
			if _, err := a.Login(t.Context(), name, "wrong"); !errors.Is(err, bus.ErrCredentials) {
				t.Fatal(err)
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	wrong := quickest("ann", 2)
	for _, name := range []string{"nobody", "bob"} {
		if stranger := quickest(name, 1); stranger < wrong/2 {
			t.Errorf("%q is refused after %v, a wrong password after %v", name, stranger, wrong)
		}
	}
}

func TestAPasswordThatWasRightIsQuickAgain(t *testing.T) {
	store := &bustest.Memory{}
	fill(t, store, []string{"ann"})
	properPassword(t, store)
	a := openAccess(t, store, bus.AccessConfig{})
	begin := time.Now()
	login(t, a, "ann", "pw")
	first := time.Since(begin)
	begin = time.Now()
	for range 10 {
		login(t, a, "ann", "pw")
	}
	if again := time.Since(begin) / 10; again > first/4 {
		t.Errorf("%v at first, %v again", first, again)
	}
}

func TestAStampedeOfLoginsIsTurnedAway(t *testing.T) {
	store := &bustest.Memory{}
	fill(t, store, []string{"ann:pw"})
	a := openAccess(t, store, bus.AccessConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	refused := make(chan error)
	const many = 500
	for range many {
		go func() {
			_, err := a.Login(ctx, "ann", "wrong")
			refused <- err
		}()
	}
	busy := 0
	for range many {
		if err := <-refused; errors.Is(err, bus.ErrBusy) {
			busy++
			cancel() // those that wait leave
		}
	}
	cancel()
	if busy == 0 {
		t.Error("any number may wait for bcrypt")
	}
}

func BenchmarkCaller(b *testing.B) {
	open, err := bus.OpenAccess(b.Context(), nil, bus.AccessConfig{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			open.Anonymous().May(bus.RightPublish, "news")
		}
	})
	store := &bustest.Memory{}
	if err := store.AddAccount(b.Context(), bus.Account{Name: "ann"}); err != nil {
		b.Fatal(err)
	}
	if err := store.SetRule(b.Context(), bus.Rule{Account: "ann", Feed: "news", Rights: bus.RightRead}); err != nil {
		b.Fatal(err)
	}
	token, digest := bus.NewToken()
	if err := store.AddToken(b.Context(), bus.Token{Digest: digest, Account: "ann", Label: "x"}); err != nil {
		b.Fatal(err)
	}
	a, err := bus.OpenAccess(b.Context(), store, bus.AccessConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	b.Run("token", func(b *testing.B) {
		for b.Loop() {
			c, _ := a.Token(b.Context(), token)
			c.May(bus.RightRead, "news")
		}
	})
}

// counted counts how often the roll is looked at.
type counted struct {
	bus.Store
	looks atomic.Int64
}

func (c *counted) RollRevision(ctx context.Context) (int64, error) {
	c.looks.Add(1)
	return c.Store.RollRevision(ctx)
}

func TestWhatLetsSomebodyInCountsFromWhenItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		fill(t, store, []string{"ann:pw"})
		a := openAccess(t, store, bus.AccessConfig{})
		wrong := func() {
			if _, err := a.Login(t.Context(), "ann", "guessed"); !errors.Is(err, bus.ErrCredentials) {
				t.Errorf("a guess lets in: %v", err)
			}
		}
		wrong()
		fill(t, store, []string{"bob:pw", "tls"})
		if _, err := a.Login(t.Context(), "bob", "pw"); err != nil {
			t.Errorf("an account just made: %v", err)
		}
		wrong()
		if _, err := a.Token(t.Context(), bobsToken(t, store, "laptop", time.Time{})); err != nil {
			t.Errorf("a token just made: %v", err)
		}
		if _, err := a.Login(t.Context(), "", bobsToken(t, store, "phone", time.Time{})); err != nil {
			t.Errorf("a token just made, as a passcode: %v", err)
		}
		fill(t, store, []string{"carl"})
		if _, err := a.Certified(t.Context(), "carl"); err != nil {
			t.Errorf("a certificate's account just made: %v", err)
		}
	})
}

func TestGuessesDoNotReachTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := &bustest.Memory{}
		fill(t, memory, []string{"ann:pw"})
		store := &counted{Store: memory}
		a := openAccess(t, store, bus.AccessConfig{})
		begun := time.Now()
		var guessing sync.WaitGroup
		for range 1000 {
			guessing.Go(func() {
				for range 3 {
					token, _ := bus.NewToken()
					if _, err := a.Token(t.Context(), token); !errors.Is(err, bus.ErrCredentials) {
						t.Errorf("a guess lets in: %v", err)
					}
				}
			})
		}
		guessing.Wait()
		if took := time.Since(begun); took > 200*time.Millisecond {
			t.Errorf("three guesses take %v", took)
		}
		if n := store.looks.Load(); n > 5 {
			t.Errorf("%d looks at the store", n)
		}
		a.Close()
		if _, err := a.Login(t.Context(), "bob", "pw"); !errors.Is(err, bus.ErrCredentials) {
			t.Errorf("once it is closed: %v", err)
		}
	})
}
