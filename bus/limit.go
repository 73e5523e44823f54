package bus

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Limit is something of which an account may take only so much.
type Limit uint8

// The limits there are. The rates and what is held at a time are counted by each node for itself,
// feeds in the store.
const (
	LimitRequests      Limit = iota // a second: HTTP requests, and STOMP's CONNECT, SEND and SUBSCRIBE
	LimitBytes                      // a second: bodies of what is published
	LimitFeeds                      // that the account has made, and that are still there
	LimitConnections                // at a time: STOMP sessions, streams, and requests that wait for what is published or for work
	LimitSubscriptions              // at a time, of STOMP

	limitKinds = iota
)

var limitWords = [limitKinds]string{"requests", "bytes", "feeds", "connections", "subscriptions"}

// String returns the limit's name.
func (l Limit) String() string { return limitWords[l] }

// IsRate reports whether the limit is on what is taken in a second.
func (l Limit) IsRate() bool { return l <= LimitBytes }

// AllLimits lists the limits there are.
func AllLimits() []Limit {
	return []Limit{LimitRequests, LimitBytes, LimitFeeds, LimitConnections, LimitSubscriptions}
}

// ParseLimit returns the limit of a name.
func ParseLimit(word string) (Limit, error) {
	for i, w := range limitWords {
		if w == word {
			return Limit(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no limit: there are %s", word, strings.Join(limitWords[:], ", "))
}

// Everyone stands for every account, and for whoever has none, as far as they have no limits of their own.
const Everyone = "*"

// Unlimited says that there is no limit, where one is expected.
const Unlimited = -1

// Limits say how much an account may take: from 0 on, rates from 1 on, or Unlimited. What is not in
// it is as Everyone has it.
type Limits map[Limit]int64

// Quotas keeps how much accounts may take, and whose the feeds are.
type Quotas interface {
	// SetLimits gives an account, Anonymous or Everyone limits in place of those that it had: ErrNoAccount.
	SetLimits(ctx context.Context, account string, l Limits) error

	// MakeFeed makes a feed that belongs to owner, an account's name or Anonymous, until it is
	// dropped or the account removed. Where there is such a feed, whoever made it, nothing happens.
	// ErrFeedsMade when owner would have more than most feeds then; Unlimited is any number.
	MakeFeed(ctx context.Context, name, owner string, most int64) error

	// CountFeeds returns how many feeds belong to owner.
	CountFeeds(ctx context.Context, owner string) (int64, error)
}

// LimitError says that an account has taken as much as it may.
type LimitError struct {
	Account string // Anonymous for whoever has none
	Limit   Limit
	Most    int64
	Wait    time.Duration // after which the same would be taken; 0 where time alone does not help
}

func (e *LimitError) Error() string {
	who := fmt.Sprintf("the account %q", e.Account)
	if e.Account == Anonymous {
		who = "whoever has no account"
	}
	s := limitSentences[e.Limit]
	count, has := fmt.Sprintf("%d %s", e.Most, s.many), ", and has "+s.made+"as many"
	switch e.Most {
	case 0:
		count, has = "no "+s.many, ""
	case 1:
		count, has = "1 "+s.one, ", and has "+s.made+"one"
	}
	if e.Limit.IsRate() {
		has = ""
	}
	return who + " may " + s.do + " " + count + s.when + has
}

// limitSentences say what an account may do: one or many of something, and when.
var limitSentences = [limitKinds]struct{ do, one, many, when, made string }{
	LimitRequests:      {"send", "request", "requests", " a second", ""},
	LimitBytes:         {"publish", "byte", "bytes", " a second", ""},
	LimitFeeds:         {"make", "feed", "feeds", "", "made "},
	LimitConnections:   {"have", "connection, stream or waiting request", "connections, streams and waiting requests", " at a time", ""},
	LimitSubscriptions: {"have", "subscription", "subscriptions", " at a time", ""},
}

// Changing returns the command by which whoever runs the bus changes the limit: one word is left to fill in.
func (e *LimitError) Changing() string {
	return fmt.Sprintf("atommq user limit %s %s=…", accountWord(e.Account), e.Limit)
}

// bounds are the limits of somebody, Unlimited for none; nil where there are none at all.
type bounds [limitKinds]int64

// boundsOf returns what is left of an account's own limits and everyone's.
func boundsOf(own, everyone Limits) *bounds {
	var b bounds
	any := false
	for l := range b {
		most, ok := own[Limit(l)]
		if !ok {
			most, ok = everyone[Limit(l)]
		}
		if !ok || most < 0 {
			most = Unlimited
		} else if Limit(l).IsRate() {
			most = max(most, 1)
		}
		b[l] = most
		any = any || most >= 0
	}
	if !any {
		return nil
	}
	return &b
}
