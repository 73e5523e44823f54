package bus

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"atommq/feeds"
)

// Anonymous is the account of whoever gives none. It has rules, but neither password nor tokens.
const Anonymous = "anonymous"

// Account is a name that rights are given to.
type Account struct {
	Name     string
	Password string // as HashPassword made it, "" for none: then only tokens let in
	Created  time.Time
}

// Token lets its bearer in as an account.
type Token struct {
	Digest  [sha256.Size]byte // of the token, which nobody has but its bearer
	Account string
	Label   string // what its owner calls it, once in an account
	Created time.Time
	Expires time.Time // zero for never
}

// Rule gives an account rights.
type Rule struct {
	Account string
	Feed    string // a feed's name or, with a * behind it, how names begin
	Rights  Rights
}

// Roll is all that is known of who may do what.
type Roll struct {
	Revision int64
	Accounts []Account // in order of name
	Tokens   []Token   // in order of account and label
	Rules    []Rule    // in order of account and feed

	Limits map[string]Limits // by account, Anonymous and Everyone among them; nil where there are none
}

// Grants returns what the rules give an account, or Anonymous: everybody may do what that may.
func (r *Roll) Grants(account string) *Grants {
	g := new(Grants)
	for _, rule := range r.Rules {
		if rule.Account == account || rule.Account == Anonymous {
			g.add(rule.Feed, rule.Rights)
		}
	}
	return g
}

// Accounts keeps accounts and their passwords.
type Accounts interface {
	// RollRevision returns a number that rises with every change of what Roll returns.
	RollRevision(ctx context.Context) (int64, error)

	// Roll returns everything, as it was at the revision that it names or later.
	Roll(ctx context.Context) (*Roll, error)

	// AddAccount adds an account: ErrAccountExists if there is one of the name.
	AddAccount(ctx context.Context, a Account) error

	// SetPassword gives an account another password: ErrNoAccount if there is no such account.
	SetPassword(ctx context.Context, name, password string) error

	// RemoveAccount removes an account with its tokens, rules and limits; ErrNoAccount. Its feeds
	// stay, and belong to nobody.
	RemoveAccount(ctx context.Context, name string) error
}

// Permissions keeps what accounts may do, and the tokens that stand for them.
type Permissions interface {
	// SetRule gives an account, or Anonymous, the rights on a pattern that r names, in place of
	// those that it had, or takes the rule away when there are none: ErrNoAccount.
	SetRule(ctx context.Context, r Rule) error

	// AddToken adds a token; ErrNoAccount, and ErrTokenExists if the account has one with this label.
	AddToken(ctx context.Context, t Token) error

	// RemoveToken removes a token: ErrNoToken if there is none.
	RemoveToken(ctx context.Context, account, label string) error
}

// accountBytes bounds names of accounts and labels of tokens.
const accountBytes = 64

// CheckAccountName reports why name cannot name an account: it takes 1 to 64 bytes of printable
// UTF-8, without spaces and colons, which HTTP Basic has behind a name.
func CheckAccountName(name string) error {
	switch {
	case name == Anonymous:
		return fmt.Errorf("%q stands for those who have no account", Anonymous)
	case name == Everyone:
		return fmt.Errorf("%q stands for every account", Everyone)
	case strings.ContainsAny(name, ": "):
		return errors.New("an account's name must hold neither colons nor spaces")
	}
	return checkWord("an account's name", name)
}

// CheckLabel reports why label cannot name a token.
func CheckLabel(label string) error { return checkWord("a token's label", label) }

func checkWord(what, word string) error {
	if word == "" || len(word) > accountBytes || !utf8.ValidString(word) {
		return fmt.Errorf("%s takes 1 to %d bytes of UTF-8", what, accountBytes)
	}
	if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%s must be printable", what)
	}
	return nil
}

// CheckPattern reports why pattern names no feeds.
func CheckPattern(pattern string) error {
	name, _ := strings.CutSuffix(pattern, "*")
	if name == "" && pattern != "" {
		return nil
	}
	return feeds.CheckName(name)
}
