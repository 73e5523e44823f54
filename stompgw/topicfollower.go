package stompgw

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"atommq/bus"
	"atommq/stompgw/stomp"
)

// How much of the log is read at once for one follow.
const (
	pageEntries = 256
	pageBytes   = 256 << 10
)

// follower is the topic side of one connection. Its methods may be called from any
// goroutine, next from one at a time.
//
// A follow is live: what is published is pushed to the outbox. When that has no room, the follow
// lags: it is queued, and next reads it from the log, after the outbox, in turn with the others,
// until nothing is missing.
type follower struct {
	topics  *topics
	version stomp.Version
	wake    func()
	reader  *bus.Caller // nil for one who may read everything

	idsMu sync.Mutex // taken before topics.mu
	ids   idTable[*follow]
	acked []*follow // those that take ACKs

	mu      sync.Mutex // taken after topics.mu
	outbox  outbox
	lagging []*follow     // those to be read, in turn; one being read is not in it
	logTurn bool          // it is the log's turn, then the outbox's
	waiting bool          // the writer waits to be woken
	closed  bool          // nothing is taken any more
	cut     bool          // because of what is not stored
	room    chan struct{} // closed when the outbox was emptied; nil while nobody waits

	removals atomic.Uint32 // how many follows have gone
	ackable  atomic.Int64  // above the ids that were appended for those that take ACKs; next sets it

	// These belong to next.
	hand   items  // in hand, to be rendered
	purged uint32 // so many removals the hand has seen
	last   int64  // the newest id that was appended
}

// attach makes f ready. wake is called when next has something to give, and not again before next
// was called: from any goroutine, with no lock held. It must not block.
func (f *follower) attach(t *topics, v stomp.Version, wake func()) {
	f.topics, f.version, f.wake = t, v, wake
	f.waiting = true
}

// next appends MESSAGE frames, about room bytes of them: one frame may pass it. more tells that
// there may be further ones at once. After an error (a *bus.GapError, a *cutOffError, a *fault, the
// bus's, ctx's cause) the session ends with an ERROR; dst holds whole frames then, too.
func (f *follower) next(ctx context.Context, dst *parcel, room int) (more bool, err error) {
	for limit := dst.size() + room; dst.size() < limit; {
		if f.hand.empty() {
			more, err = f.refill(ctx)
			if err != nil || !more {
				return false, err
			}
		}
		if err = f.deliver(ctx, dst, limit); err != nil {
			return false, err
		}
	}
	return true, nil
}

// deliver appends what is in hand.
func (f *follower) deliver(ctx context.Context, dst *parcel, limit int) error {
	now := time.Now()
	delivered, ackable := int64(0), f.ackable.Load()
	defer func() {
		f.topics.delivered.Add(delivered)
		f.ackable.Store(ackable) // before the client is sent them
	}()
	for !f.hand.empty() && dst.size() < limit {
		if n := f.removals.Load(); n != f.purged {
			f.purge(n)
		}
		i := f.hand.head()
		if len(i.entries) == 0 {
			f.hand.pop()
			continue
		}
		e, s := i.entries[0], i.follow
		i.entries = i.entries[1:]
		if readable, err := f.mayRead(ctx, s, e.Feed); err != nil {
			return err
		} else if !readable {
			f.passOver(s, e.ID)
			continue
		}
		tail := f.topics.tail(ctx, e, f.version, s.is(isWhole))
		if expired(tail, now) {
			f.passOver(s, e.ID)
			continue
		}
		dst.buf = s.appendHead(dst.buf, f.version, e)
		dst.addTail(tail, e)
		f.last = max(f.last, e.ID)
		if s.is(isAcked) {
			ackable = max(ackable, e.ID+1)
		}
		delivered++
	}
	return nil
}

// mayRead reports whether a follow may be given what is in a feed, now: a prefix leaves out what may
// not be read, and answers, which are their askers' alone. The follow of one feed ends the session.
func (f *follower) mayRead(ctx context.Context, s *follow, feed string) (bool, error) {
	may := f.reader == nil || f.reader.May(bus.RightRead, feed)
	switch {
	case s.is(isPrefix) && may:
		temp, err := f.topics.bus.IsTemp(ctx, feed)
		return !temp, err
	case s.is(isPrefix), may:
		return may, nil
	}
	return false, lacking(f.reader, bus.RightRead, fmt.Sprintf("the feed %q", feed), feed)
}

// purge takes out what belongs to follows that have gone.
func (f *follower) purge(removals uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hand.forget()
	f.outbox.items.forget()
	f.purged = removals
}

// refill takes up the outbox or a page of the log, in turn. It reports false when there is nothing.
func (f *follower) refill(ctx context.Context) (bool, error) {
	for {
		f.mu.Lock()
		switch {
		case f.cut:
			f.mu.Unlock()
			return false, f.cutOff()
		case !f.outbox.items.empty() && !(f.logTurn && f.logMayCome()):
			f.hand = f.outbox.swap()
			f.logTurn = true
			f.giveRoom()
			f.mu.Unlock()
			return true, nil
		case len(f.lagging) == 0:
			f.rest()
			f.mu.Unlock()
			return false, nil
		}
		s := f.shift()
		f.mu.Unlock()
		if s == nil {
			continue
		}
		if err := f.read(ctx, s); err != nil {
			return false, err
		}
		if !f.hand.empty() {
			return true, nil
		}
	}
}

// rest leaves f to wait for the next push.
func (f *follower) rest() {
	f.waiting = true
	f.lagging = nil
}

// logMayCome reports whether a follow can be read: older entries of the first one have left the
// outbox. Callers hold f.mu.
func (f *follower) logMayCome() bool {
	if len(f.lagging) == 0 {
		return false
	}
	s := f.lagging[0]
	return s.gone || f.outbox.swaps > s.lag.swap
}

// shift takes the first lagging follow, nil for one that has gone. Callers hold f.mu.
func (f *follower) shift() *follow {
	s := f.lagging[0]
	f.lagging[0] = nil
	f.lagging = f.lagging[1:]
	f.logTurn = false
	if s.gone {
		return nil
	}
	return s
}

// read takes up a page for s.
func (f *follower) read(ctx context.Context, s *follow) error {
	f.mu.Lock()
	q, announced := s.query(), s.lag.newest
	s.lag.again = false
	f.mu.Unlock()
	head := f.topics.bus.Head()
	page, err := f.topics.bus.ReadShared(ctx, q)
	switch {
	case errors.Is(err, bus.ErrNoFeed):
		page = &bus.Slice{}
	case err != nil:
		return fmt.Errorf("follow %s%s: %w", topicPrefix, s.feed(), err)
	}
	end, err := f.behind(ctx, q, page, head)
	if err != nil {
		return fmt.Errorf("follow %s%s*: %w", topicPrefix, s.feed(), err)
	}
	entries := f.topics.long.share(page.Entries)
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.gone {
		return nil
	}
	s.after, s.lag.loss = max(s.after, end.After), end.Loss
	for _, e := range entries {
		s.lag.handOut(e.ID)
	}
	if len(entries) > 0 {
		f.hand.push(item{entries, s})
	}
	if !page.More {
		s.after = max(s.after, announced) // all up to there was there to be read
	}
	f.goOn(s, page.More)
	return nil
}

// behind returns the cursor at the end of a page of q; head was the newest id before. Of a prefix,
// a *bus.GapError says that feeds which may be read were pruned since the page before.
func (f *follower) behind(ctx context.Context, q bus.Query, page *bus.Slice, head int64) (bus.Cursor, error) {
	at := q.After
	if n := len(page.Entries); n > 0 {
		at = page.Entries[n-1].ID
	}
	if !q.Prefix {
		return bus.Cursor{After: at}, nil
	}
	loss, err := f.topics.bus.LossBehind(ctx, q, page, at)
	if err == nil && loss != 0 && !page.More {
		// All up to head was there to be read. A live follow knows of no loss, so it begins above.
		at = max(at, head)
		loss, err = f.topics.bus.LossBehind(ctx, q, page, at)
	}
	return bus.Cursor{After: at, Loss: loss}, err
}

// goOn lets a follow that was read be read again, wait for ACKs or for what is published, or go
// live. Callers hold f.mu.
func (f *follower) goOn(s *follow, more bool) {
	l := s.lag
	l.again = l.again || more
	l.queued = false
	switch {
	case l.pending(s.after):
		f.enqueue(s)
	case l.window == 0:
		s.lag = nil
	}
}

// enqueue lets next read a follow when it is its turn, if it has room. Callers hold f.mu.
func (f *follower) enqueue(s *follow) {
	if !s.lag.queued && s.lag.room() > 0 {
		s.lag.queued = true
		f.lagging = append(f.lagging, s)
	}
}

// fallBehind makes a live follow read from the log. Callers hold f.mu.
func (f *follower) fallBehind(s *follow) { s.lag = &lag{swap: f.outbox.swaps} }

// push gives s the entries of its feed that were committed just now, in order of id. It reports
// whether the writer is to be woken.
func (f *follower) push(s *follow, entries []*bus.Entry) (wake bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.gone || f.closed {
		return false
	}
	if s.lag == nil {
		if entries = f.fill(s, entries); len(entries) == 0 {
			return f.rouse()
		}
		f.fallBehind(s)
	}
	s.lag.newest = entries[len(entries)-1].ID
	f.enqueue(s)
	return f.rouse()
}

// fill pushes entries as far as there is room, and returns the others.
func (f *follower) fill(s *follow, entries []*bus.Entry) []*bus.Entry {
	for len(entries) > 0 && entries[0].ID <= s.after { // it was read from the log before this was told
		entries = entries[1:]
	}
	n, bytes := f.outbox.fit(entries)
	if n > 0 {
		f.outbox.push(item{entries[:n], s}, bytes)
		s.after = entries[n-1].ID
	}
	return entries[n:]
}

// reread makes s look at the log, where another process wrote.
func (f *follower) reread(s *follow) (wake bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.gone || f.closed {
		return false
	}
	if s.lag == nil {
		f.fallBehind(s)
	}
	s.lag.again = true
	f.enqueue(s)
	return f.rouse()
}

// begin lets a follow begin that reads from the log.
func (f *follower) begin(s *follow) {
	f.mu.Lock()
	if s.lag != nil && s.lag.pending(s.after) {
		f.enqueue(s)
	}
	wake := f.rouse()
	f.mu.Unlock()
	if wake {
		f.wake()
	}
}

// dismiss gives nothing to s any more.
func (f *follower) dismiss(s *follow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.gone = true
	f.removals.Add(1)
}

// end gives nothing to anybody any more.
func (f *follower) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.lagging = nil
	f.outbox.drop()
	f.giveRoom()
}

// rouse reports whether the writer waits although there is something for it, and notes that it is
// being woken. Callers hold f.mu.
func (f *follower) rouse() bool {
	wake := f.waiting && (!f.outbox.items.empty() || len(f.lagging) > 0 || f.cut)
	if wake {
		f.waiting = false
	}
	return wake
}
