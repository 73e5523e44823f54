package bus

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"sync/atomic"
	"time"
)

// Caller is somebody who was let in. What it may do follows the roll: an account that is removed, a
// password that is changed and a token that is taken away or ends leave its callers with no rights.
// The nil Caller has none either.
type Caller struct {
	access  *Access
	account string             // its name, "" for whoever gave none
	shared  bool               // it is the account of AccessConfig
	proven  bool               // by a certificate, that it is the account
	token   *[sha256.Size]byte // what it came with, or nil
	hash    string             // or the password's
	meter   *meter             // of what it takes; nil for the shared account, which has no limits
	last    atomic.Pointer[standing]
}

// standing is what a caller may do at one revision of the roll.
type standing struct {
	roll    *roll
	every   bool    // everything
	revoked bool    // what it came with counts no longer
	grants  *Grants // otherwise
	bounds  *bounds
}

// Account returns the name of the caller's account, "" for whoever gave none.
func (c *Caller) Account() string { return c.account }

// May reports whether the caller may use right on a feed.
func (c *Caller) May(right Rights, feed string) bool {
	s := c.standing()
	return s.every || s.grants.May(right, feed)
}

// MayEvery reports whether the caller may use right on every feed that there can be.
func (c *Caller) MayEvery(right Rights) bool {
	s := c.standing()
	return s.every || s.grants.MayEvery(right)
}

// MaySome reports whether the caller may use right on some feed whose name begins with prefix, there or not.
func (c *Caller) MaySome(right Rights, prefix string) bool {
	s := c.standing()
	return s.every || s.grants.MaySome(right, prefix)
}

// narrowMost bounds the feeds and prefixes that stand for one prefix.
const narrowMost = 100

// Readable returns which of these feeds, and of those that begin with one of these prefixes, the
// caller may read, as a selection that has few others in it: what begins with a prefix has still to
// be asked for, by May.
func (c *Caller) Readable(feeds, prefixes []string) Selection {
	s := c.standing()
	if s.every || s.grants.MayEvery(RightRead) {
		return Select(feeds, prefixes)
	}
	var readable, begin []string
	for _, feed := range feeds {
		if s.grants.May(RightRead, feed) {
			readable = append(readable, feed)
		}
	}
	for _, prefix := range prefixes {
		f, p := s.grants.within(prefix, narrowMost)
		readable, begin = append(readable, f...), append(begin, p...)
	}
	return Select(readable, begin)
}

// Rights returns what the caller may do with a feed.
func (c *Caller) Rights(feed string) Rights {
	s := c.standing()
	if s.every {
		return allRights
	}
	return s.grants.Rights(feed)
}

// Welcome reports whether the caller may do anything at all.
func (c *Caller) Welcome() bool {
	s := c.standing()
	return s.every || !s.grants.none() || c.Known()
}

// Known reports whether the caller has an account, which still lets it in.
func (c *Caller) Known() bool {
	return c != nil && (c.account != "" || c.shared) && !c.standing().revoked
}

var noStanding = standing{grants: new(Grants)}

// standing returns what c may do now.
func (c *Caller) standing() *standing {
	if c == nil {
		return &noStanding
	}
	now := c.access.now.Load()
	if s := c.last.Load(); s != nil && s.roll == now {
		return s
	}
	s := c.resolve(now)
	c.last.Store(s)
	return s
}

func (c *Caller) resolve(now *roll) *standing {
	s := &standing{roll: now, grants: noStanding.grants}
	member := now.accounts[c.account]
	if c.account == "" {
		s.bounds = now.strangers
	} else if member != nil {
		s.bounds = member.bounds
	}
	switch {
	case now.open, c.shared:
		s.every = true
	case c.account == "":
		s.grants = now.anonymous
	case member == nil, !member.admits(c, now):
		s.revoked = true
	default:
		s.grants = &member.grants
	}
	return s
}

// admits reports whether what c came with still lets it in.
func (m *member) admits(c *Caller, now *roll) bool {
	switch {
	case c.proven:
		return true
	case c.token != nil:
		return now.tokens[*c.token] != nil
	}
	return m.password == c.hash
}

// Anonymous returns whoever comes without an account.
func (a *Access) Anonymous() *Caller { return &a.nobody }

// Login lets somebody in who gives a login and a passcode: the shared account's, an account's name
// and password, or a token as the passcode, with its account's name or none. ErrCredentials if they
// are wrong; ErrBusy when too many ask at once.
//
// Where everybody may do everything, or there is no account but rules for those who have none, they
// are not looked at: many clients always send some.
func (a *Access) Login(ctx context.Context, login, passcode string) (*Caller, error) {
	return a.letIn(ctx, func(now *roll) (*Caller, error) { return a.login(ctx, now, login, passcode) })
}

func (a *Access) login(ctx context.Context, now *roll, login, passcode string) (*Caller, error) {
	if a.nameless(now) {
		return &a.nobody, nil
	}
	if a.shared.matches(login, passcode) {
		return &Caller{access: a, account: login, shared: true}, nil
	}
	if looksLikeToken(passcode) {
		if c, err := a.bearer(now, passcode); err == nil && (login == "" || login == c.account) {
			return c, nil
		}
	}
	if len(now.accounts) == 0 {
		return nil, ErrCredentials
	}
	hash := ""
	var meter *meter
	if m := now.accounts[login]; m != nil {
		hash, meter = m.password, m.meter
	}
	right, err := a.passwords.check(ctx, login, hash, passcode)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, ErrCredentials
	}
	return &Caller{access: a, account: login, hash: hash, meter: meter}, nil
}

// nameless reports whether everybody may do everything, or there are rules for those who have no
// account, and no account to have: then it matters to nobody who comes.
func (a *Access) nameless(now *roll) bool {
	return now.open || a.shared == nil && len(now.accounts) == 0 && !now.anonymous.none()
}

// Token lets the bearer of a token in: ErrCredentials if it is none. It is looked up by its hash,
// from which time tells nothing.
func (a *Access) Token(ctx context.Context, token string) (*Caller, error) {
	return a.letIn(ctx, func(now *roll) (*Caller, error) { return a.bearer(now, token) })
}

func (a *Access) bearer(now *roll, token string) (*Caller, error) {
	if a.nameless(now) {
		return &a.nobody, nil
	}
	digest := sha256.Sum256([]byte(token))
	t := now.tokens[digest]
	if t == nil || !t.Expires.IsZero() && !time.Now().Before(t.Expires) {
		return nil, ErrCredentials
	}
	return &Caller{access: a, account: t.Account, token: &digest, meter: now.accounts[t.Account].meter}, nil
}

// CertifiedName returns whom the certificate of a TLS client names, if it has shown one that was
// verified: the common name of its subject. state is nil where TLS is not spoken.
func CertifiedName(state *tls.ConnectionState) (name string, ok bool) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return "", false
	}
	return state.VerifiedChains[0][0].Subject.CommonName, true
}

// Certified lets in who has proven to be of a name, as by a certificate: ErrCredentials unless
// there is such an account.
func (a *Access) Certified(ctx context.Context, name string) (*Caller, error) {
	return a.letIn(ctx, func(now *roll) (*Caller, error) { return a.certified(now, name) })
}

func (a *Access) certified(now *roll, name string) (*Caller, error) {
	if a.nameless(now) {
		return &a.nobody, nil
	}
	m := now.accounts[name]
	if m == nil {
		return nil, ErrCredentials
	}
	return &Caller{access: a, account: name, proven: true, meter: m.meter}, nil
}

// matches takes the same time whatever is wrong.
func (s *sharedAccount) matches(login, passcode string) bool {
	if s == nil {
		return false
	}
	l, p := sha256.Sum256([]byte(login)), sha256.Sum256([]byte(passcode))
	return subtle.ConstantTimeCompare(l[:], s.login[:])&subtle.ConstantTimeCompare(p[:], s.passcode[:]) == 1
}
