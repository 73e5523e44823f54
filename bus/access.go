package bus

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// rollInterval is how often a node looks whether who may do what has changed.
const rollInterval = time.Second

// AccessConfig holds the settings of an Access.
type AccessConfig struct {
	// Login and Passcode, when Passcode is set, are an account that all who know them share. It
	// may do everything.
	Login, Passcode string
	Log             *slog.Logger // default slog.Default()
}

// Access knows who may do what. It follows the store: a change by any process counts within two
// seconds, and what lets somebody in at once.
//
// Everything it knows is in memory, some 300 bytes for an account, a token or a rule. All its
// methods may be called from any goroutine; OpenAccess starts one, which Close ends.
type Access struct {
	config    AccessConfig
	store     Accounts // nil without one
	shared    *sharedAccount
	now       atomic.Pointer[roll]
	mu        sync.Mutex // held while now changes
	shut      bool
	passwords passwords
	nobody    Caller
	visitors  visitors
	begun     time.Time                // what meters count from
	refused   [limitKinds]atomic.Int64 // because of limits

	unknown  chan chan struct{} // who is not known, and waits for a look at the store
	stop     context.CancelFunc
	closing  <-chan struct{} // closed once stop was called
	watching sync.WaitGroup
}

// roll is a Roll made ready, as it was at one time. It never changes.
type roll struct {
	source    *Roll
	open      bool // everybody may do everything
	accounts  map[string]*member
	tokens    map[[sha256.Size]byte]*Token
	anonymous *Grants
	strangers *bounds       // of each who has no account
	ends      time.Time     // when the next token ends, zero for never
	replaced  chan struct{} // closed when this is no longer how it is
}

type member struct {
	password string
	grants   Grants
	bounds   *bounds
	meter    *meter // the same in all rolls that have the account
}

// OpenAccess reads who may do what from a store; nil for a bus without accounts, on which everybody
// may do everything unless there is a passcode.
func OpenAccess(ctx context.Context, store Accounts, config AccessConfig) (*Access, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	a := &Access{config: config, store: store, shared: newSharedAccount(config.Login, config.Passcode), begun: time.Now()}
	a.nobody.access, a.nobody.meter = a, new(meter)
	a.visitors.from, a.visitors.crowd.access, a.visitors.crowd.meter = make(map[netip.Addr]*Caller), a, new(meter)
	a.passwords.init()
	if store == nil {
		a.now.Store(a.makeRoll(&Roll{}, time.Now()))
		a.stop = func() {}
		return a, nil
	}
	source, err := store.Roll(ctx)
	if err != nil {
		return nil, fmt.Errorf("open access: %w", err)
	}
	a.now.Store(a.makeRoll(source, time.Now()))
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.unknown, a.stop, a.closing = make(chan chan struct{}), stop, background.Done()
	a.watching.Go(func() { a.follow(background) })
	return a, nil
}

// OpenHouse returns the Access of a bus on which everybody may do everything.
func OpenHouse() *Access {
	a, _ := OpenAccess(context.Background(), nil, AccessConfig{}) // without a store, nothing can fail
	return a
}

// Close stops following the store. It may be called again.
func (a *Access) Close() {
	a.stop()
	a.watching.Wait()
}

// IsOpen reports whether everybody may do everything.
func (a *Access) IsOpen() bool { return a.now.Load().open }

// Shut has everybody kept out, from now on, where there are no accounts, no rules and no passcode.
// Before, everybody may then do everything.
func (a *Access) Shut() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shut = true
	a.turnTo(a.makeRoll(a.now.Load().source, time.Now()))
}

// Guarded reports whether somebody decided who may do what: there is a passcode, an account or a rule.
func (a *Access) Guarded() bool {
	source := a.now.Load().source
	return a.shared != nil || len(source.Accounts) > 0 || len(source.Rules) > 0
}

// HasAccounts reports whether there is an account, beside the one that AccessConfig names.
func (a *Access) HasAccounts() bool { return len(a.now.Load().accounts) > 0 }

// Changed returns a channel that is closed when who may do what changes from then on.
func (a *Access) Changed() <-chan struct{} { return a.now.Load().replaced }

// follow reads the roll again whenever it has changed.
func (a *Access) follow(ctx context.Context) {
	tick := time.NewTicker(rollInterval)
	defer tick.Stop()
	failing := false
	var looked time.Time
	for {
		var waiting []chan struct{}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case first := <-a.unknown:
			waiting = a.muster(ctx, first, looked.Add(catchUpGap))
		}
		looked = time.Now()
		err := a.refresh(ctx)
		for _, one := range waiting {
			close(one)
		}
		if err != nil && ctx.Err() == nil && !failing {
			a.config.Log.Warn("cannot look for changes of accounts; those known before count", "error", err)
		}
		failing = err != nil
	}
}

// refresh takes over what changed in the store, and lets go of tokens that ended.
func (a *Access) refresh(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now.Load()
	source, at := now.source, time.Now()
	revision, err := a.store.RollRevision(ctx)
	if err == nil && revision != source.Revision {
		var read *Roll
		if read, err = a.store.Roll(ctx); err == nil {
			source = read
		}
	}
	if source != now.source || !now.ends.IsZero() && !at.Before(now.ends) {
		a.turnTo(a.makeRoll(source, at))
	}
	return err
}

// turnTo makes next what counts. Callers hold a.mu.
func (a *Access) turnTo(next *roll) {
	last := a.now.Swap(next)
	close(last.replaced)
}

// makeRoll makes source ready, without the tokens that have ended.
func (a *Access) makeRoll(source *Roll, at time.Time) *roll {
	r := &roll{
		source: source, accounts: make(map[string]*member), tokens: make(map[[sha256.Size]byte]*Token), anonymous: new(Grants),
		replaced: make(chan struct{}),
		open:     !a.shut && a.shared == nil && len(source.Accounts) == 0 && len(source.Rules) == 0,
	}
	everyone := source.Limits[Everyone]
	r.strangers = boundsOf(source.Limits[Anonymous], everyone)
	for _, account := range source.Accounts {
		r.accounts[account.Name] = &member{
			password: account.Password, bounds: boundsOf(source.Limits[account.Name], everyone), meter: a.meterOf(account.Name),
		}
	}
	for _, rule := range source.Rules {
		if m := r.accounts[rule.Account]; m != nil {
			m.grants.add(rule.Feed, rule.Rights)
		} else if rule.Account == Anonymous {
			r.addForAll(rule)
		}
	}
	for i := range source.Tokens {
		t := &source.Tokens[i]
		switch {
		case r.accounts[t.Account] == nil, !t.Expires.IsZero() && !at.Before(t.Expires):
			continue
		case !t.Expires.IsZero() && (r.ends.IsZero() || t.Expires.Before(r.ends)):
			r.ends = t.Expires
		}
		r.tokens[t.Digest] = t
	}
	return r
}

// meterOf returns the meter of an account: the one that it has.
func (a *Access) meterOf(account string) *meter {
	if now := a.now.Load(); now != nil && now.accounts[account] != nil {
		return now.accounts[account].meter
	}
	return new(meter)
}

// addForAll gives everybody what whoever has no account may do.
func (r *roll) addForAll(rule Rule) {
	r.anonymous.add(rule.Feed, rule.Rights)
	for _, m := range r.accounts {
		m.grants.add(rule.Feed, rule.Rights)
	}
}

// sharedAccount is the one of AccessConfig.
type sharedAccount struct{ login, passcode [sha256.Size]byte }

func newSharedAccount(login, passcode string) *sharedAccount {
	if passcode == "" {
		return nil
	}
	return &sharedAccount{login: sha256.Sum256([]byte(login)), passcode: sha256.Sum256([]byte(passcode))}
}
