package bus

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Loss is a digest of what several feeds have lost by pruning above a cursor: which of them were
// pruned above it, and how far. 0 is nothing.
//
// Of one feed, a cursor alone tells whether its reader has missed something: whoever began at the
// beginning of what is kept stands above what was pruned. Of several it does not: a reader on its
// way through one of them may be below what another one had lost before the reader began. What was
// gone by then is no gap, and what has gone since is. So its cursor has the loss with it, and when
// that is still the same, nothing was pruned above the cursor meanwhile. A feed that is removed
// changes it as well, which announces a gap where there may be none, rather than hide one.
type Loss uint64

// add takes in a feed that was pruned above the cursor. The order of feeds does not matter.
func (l *Loss) add(p Pruned) {
	text := strconv.AppendInt(append([]byte(p.Feed), 0), p.UpTo, 10)
	sum := sha256.Sum256(text)
	*l += Loss(binary.BigEndian.Uint64(sum[:]))
}

// Cursor is a place in the log of one feed or several.
type Cursor struct {
	After int64
	Loss  Loss // that its reader knows of
}

// lossMark stands between a cursor's id and its loss. It needs no escaping in a URL, and what reads
// a number there finds the id alone, or an error.
const lossMark = "~"

// String is the id alone where there is no loss.
func (c Cursor) String() string {
	id := strconv.FormatInt(c.After, 10)
	if c.Loss == 0 {
		return id
	}
	return id + lossMark + strconv.FormatUint(uint64(c.Loss), 16)
}

// errNoCursor says that a text is no cursor.
var errNoCursor = errors.New("no cursor")

// ParseCursor reads what String writes: a decimal id from 0 on, perhaps with a loss.
func ParseCursor(s string) (c Cursor, err error) {
	id, loss, known := strings.Cut(s, lossMark)
	if c.After, err = strconv.ParseInt(id, 10, 64); err != nil || strings.HasPrefix(id, "+") || c.After < 0 {
		return Cursor{}, errNoCursor
	}
	if known {
		n, err := strconv.ParseUint(loss, 16, 64)
		if err != nil || n == 0 {
			return Cursor{}, errNoCursor
		}
		c.Loss = Loss(n)
	}
	return c, nil
}

// LossAt returns what of a selection was pruned above at, for a reader who has read all from
// q.After up to there: to be called behind the reading. A *GapError says that more was pruned above
// q.After than q.Loss knows of.
func (b *Bus) LossAt(ctx context.Context, s Selection, q Query, at int64) (Loss, error) {
	if q.mayMiss() && q.Loss == 0 { // where nothing was lost above q.After, nothing was above at
		return 0, b.checkLoss(ctx, s, q)
	}
	// What is pruned between the two is in the second, which then differs.
	loss, _, err := b.lossAbove(ctx, s, q.Reader, at)
	if err == nil && q.mayMiss() {
		err = b.checkLoss(ctx, s, q)
	}
	return loss, err
}

// LossBehind is LossAt for a page that ReadShared gave: those who share it share what is asked.
func (b *Bus) LossBehind(ctx context.Context, q Query, page *Slice, at int64) (Loss, error) {
	if page.lost != nil {
		var now, behind Loss
		for _, p := range *page.lost {
			if q.Reader != nil && !q.Reader.May(RightRead, p.Feed) {
				continue
			}
			if p.UpTo > q.After {
				now.add(p)
			}
			if p.UpTo > at {
				behind.add(p)
			}
		}
		if now == q.Loss || q.After == 0 && !q.First {
			return behind, nil
		}
		// The page may be older than what the reader knows.
	}
	q.Gaps = false
	return b.LossAt(ctx, Select(nil, []string{q.Feed}), q, at)
}

// prunedAbove lists the feeds of a prefix that were pruned above q.After; nil if those are too many to
// keep.
func (b *Bus) prunedAbove(ctx context.Context, q Query) (*[]Pruned, error) {
	list, err := b.store.PrunedAbove(ctx, q.Feed, "", q.After, lossPage)
	if err != nil {
		return nil, fmt.Errorf("read %q*: %w", q.Feed, err)
	}
	if len(list) == lossPage {
		return nil, nil
	}
	return &list, nil
}

// checkLoss returns a *GapError when more was lost above q.After than q knows of.
func (b *Bus) checkLoss(ctx context.Context, s Selection, q Query) error {
	now, first, err := b.lossAbove(ctx, s, q.Reader, q.After)
	switch {
	case err != nil:
		return err
	case now == q.Loss, now == 0: // feeds that had lost something may be gone
		return nil
	}
	gap := b.gap(ctx, Query{Feed: first.Feed, After: q.After}, first.UpTo)
	if gap, is := errors.AsType[*GapError](gap); is {
		gap.Loss = now
	}
	return gap
}

// lossPage is how many feeds are looked at at a time.
const lossPage = 1000

// lossAbove returns what of a selection was pruned above an id, as far as reader may read it, and
// the first of the feeds in that.
func (b *Bus) lossAbove(ctx context.Context, s Selection, reader *Caller, id int64) (sum Loss, first Pruned, err error) {
	take := func(p Pruned) {
		if p.UpTo <= id || reader != nil && !reader.May(RightRead, p.Feed) {
			return
		}
		if sum.add(p); first.Feed == "" {
			first = p
		}
	}
	for _, name := range s.feeds {
		t, err := b.hub.ready(ctx, name, false)
		if err != nil {
			return 0, first, fmt.Errorf("read %q: %w", name, err)
		}
		feed := t.feed
		b.hub.mu.Unlock()
		if feed != nil {
			take(Pruned{name, feed.Pruned})
		}
	}
	for _, prefix := range s.prefixes {
		for after, more := "", true; more; {
			list, err := b.store.PrunedAbove(ctx, prefix, after, id, lossPage)
			if err != nil {
				return 0, first, fmt.Errorf("read %q*: %w", prefix, err)
			}
			for _, p := range list {
				take(p)
				after = p.Feed
			}
			more = len(list) == lossPage
		}
	}
	return sum, first, nil
}
