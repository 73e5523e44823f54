package bus

import (
	"errors"
	"fmt"
)

// The errors of the domain. Stores and the Bus return them wrapped; compare
// with errors.Is.
var (
	ErrNoFeed      = errors.New("no such feed")
	ErrNoEntry     = errors.New("no such entry")
	ErrDeleted     = errors.New("entry was deleted")
	ErrChanged     = errors.New("entry has changed meanwhile")
	ErrIDChanged   = errors.New("atom:id of an entry never changes")
	ErrPublished   = errors.New("entry is published and no draft any more")
	ErrNoMedia     = errors.New("no such media")
	ErrAppendOnly  = errors.New("feed is append-only")
	ErrKeyReused   = errors.New("idempotency key was used for another body")
	ErrTooLarge    = errors.New("larger than a publish may be")
	ErrFull        = errors.New("storage is full")
	ErrReadOnly    = errors.New("storage is read-only")
	ErrUnavailable = errors.New("storage is unavailable")
	ErrNewerSchema = errors.New("database was made by a newer AtomMQ")
	ErrNoQueue     = errors.New("no such queue")
	ErrManyQueues  = errors.New("feed has as many queues as it may")
	ErrClaimLost   = errors.New("claim is no longer held")
	ErrNoClaim     = errors.New("no such claim")
	ErrCount       = errors.New("another number than was named")
	ErrPaused      = errors.New("queue is paused")
	ErrNotDead     = errors.New("feed holds no dead letters")
	ErrClosed      = errors.New("bus is closed")

	ErrNoAccount     = errors.New("no such account")
	ErrAccountExists = errors.New("there is an account of this name")
	ErrNoToken       = errors.New("no such token")
	ErrTokenExists   = errors.New("the account has a token of this name")
	ErrCredentials   = errors.New("wrong name, password or token")
	ErrFeedsMade     = errors.New("the account has made as many feeds as it may")
	ErrBusy          = errors.New("too many are being let in at once")

	// ErrUncertain is an ErrUnavailable after which what was to be stored may be stored.
	ErrUncertain = fmt.Errorf("%w, and whether it stored this is not known", ErrUnavailable)
)

// GapError says that entries between a cursor and the oldest kept entry were
// removed by retention, so that reading on would silently skip them.
type GapError struct {
	Feed   string
	After  int64 // the cursor
	Oldest int64 // id of the oldest entry kept; 0 when none is
	Pruned int64 // the newest id removed; a cursor from here on has no gap
	// Loss, of several feeds, is what was pruned of them above the cursor: with it, the cursor goes
	// on with all that is kept. 0 of one feed.
	Loss Loss
}

// Cursor returns the place of who goes on and knows what is missing.
func (e *GapError) Cursor() Cursor { return Cursor{e.After, e.Loss} }

func (e *GapError) Error() string {
	if e.Oldest == 0 {
		return fmt.Sprintf("feed %q no longer keeps what came after %d; it is empty up to %d", e.Feed, e.After, e.Pruned)
	}
	return fmt.Sprintf("feed %q no longer keeps what came after %d; the oldest entry kept is %d", e.Feed, e.After, e.Oldest)
}
