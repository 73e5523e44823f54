package stompgw

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// transientPatience is how long the sender of what is not stored waits for subscribers to
// make room. One that has not taken a full outbox in that time cannot be waited for.
const transientPatience = time.Second

// cutOffError says that a connection did not keep up with what is not stored, and so can not be had later.
type cutOffError struct {
	resume int64 // no subscription misses a stored message that goes on after it; 0 when none was delivered
}

func (e *cutOffError) Error() string { return e.fault().Error() }

func (e *cutOffError) fault() *fault {
	detail := "read faster, or subscribe to less on one connection"
	if e.resume > 0 {
		detail = fmt.Sprintf("subscribe again with Xlastid:%d to get all stored ones, and read faster", e.resume)
	}
	return faultf(detail, "messages that are not stored (persistent:false) came faster than this connection reads them")
}

// broadcast brings a message that is not stored to those who are subscribed now. It copies what it
// needs of m. Where a subscriber has no room it waits, for at most a second in all; who makes none
// is cut off. The error is ctx's cause, or why m cannot be an entry.
func (t *topics) broadcast(ctx context.Context, feed string, m *feeds.Message) error {
	if t.count(feed) == 0 {
		return nil
	}
	e, err := newTransient(feed, m)
	if err != nil {
		return err
	}
	if t.wholes.Load() > 0 {
		if err := e.compose(m); err != nil {
			return err
		}
	}
	var full []*follow
	var woken wakes
	t.mu.RLock()
	for s := range t.matching(feed) {
		if s.is(isWhole) && e.XML == nil {
			continue // it came while this was under way
		}
		e.render(s.owner.version, m)
		wake, ok := s.owner.offer(s, e)
		if !ok {
			full = append(full, s)
		}
		woken.add(s.owner, wake)
	}
	t.mu.RUnlock()
	woken.call()
	return insist(ctx, full, e)
}

// transient is a message that is not stored, in the shape of those that are: it has no id, and its
// uuid is its message-id.
type transient struct {
	*bus.Entry
	alone []*bus.Entry // the entry, for outboxes to share
	size  int          // what it takes in one
}

func newTransient(feed string, m *feeds.Message) (transient, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return transient{}, fmt.Errorf("make a uuid: %w", err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	e := &bus.Entry{Member: feeds.Member{Feed: feed, UUID: id.String(), Published: now, Updated: now, Edited: now}}
	e.Share()
	return transient{e, []*bus.Entry{e}, tailRoom(m)}, nil
}

// compose makes it an entry in full. Only those who want whole entries need that.
func (e transient) compose(m *feeds.Message) error {
	entry, err := feeds.ComposeMessage("", m)
	if err != nil {
		return fmt.Errorf("broadcast: %w", err)
	}
	e.Title, e.Absent, e.XML = entry.Title, entry.Absent, entry.XML
	return nil
}

// render renders it for a version once, while m can be read.
func (e transient) render(v stomp.Version, m *feeds.Message) {
	e.Form(forms[v], func(member *feeds.Member) []byte { return appendMessage(nil, v, member, m) })
}

// insist waits for followers that had no room for e.
func insist(ctx context.Context, full []*follow, e transient) error {
	if len(full) == 0 {
		return nil
	}
	patience := time.NewTimer(transientPatience)
	defer patience.Stop()
	out := false
	for _, s := range full {
		for !out {
			wake, ok := s.owner.offer(s, e)
			if ok {
				if wake {
					s.owner.wake()
				}
				break
			}
			select {
			case <-s.owner.emptied():
			case <-patience.C:
				out = true
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if out && s.owner.giveUp(s, e) {
			s.owner.wake()
		}
	}
	return nil
}

// offer pushes an entry that is not stored; ok is false when there is no room.
func (f *follower) offer(s *follow, e transient) (wake, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.gone || f.closed {
		return false, true
	}
	if !f.outbox.fitsTransient() {
		return false, false
	}
	f.outbox.push(item{e.alone, s}, e.size)
	return f.rouse(), true
}

// emptied returns a channel that is closed once there may be room.
func (f *follower) emptied() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.room == nil {
		f.room = make(chan struct{})
	}
	room := f.room
	if f.closed || f.outbox.fitsTransient() {
		f.giveRoom()
	}
	return room
}

// giveRoom tells those who wait for room. Callers hold f.mu.
func (f *follower) giveRoom() {
	if f.room != nil {
		close(f.room)
		f.room = nil
	}
}

// giveUp cuts off a follower that still has no room for e.
func (f *follower) giveUp(s *follow, e transient) (wake bool) {
	if wake, ok := f.offer(s, e); ok {
		return wake
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.cut = true, true
	f.giveRoom()
	return f.rouse()
}

// cutOff says from where on nothing stored is missed: before the oldest entry not delivered, be it
// that its follow waits for ACKs, and is in no list of what comes next.
func (f *follower) cutOff() error {
	acked := f.ackedFollows()
	f.mu.Lock()
	defer f.mu.Unlock()
	resume := f.last
	for i := range f.outbox.items.all() {
		if len(i.entries) > 0 && i.entries[0].ID > 0 {
			resume = min(resume, i.entries[0].ID-1)
		}
	}
	for _, s := range f.lagging {
		resume = min(resume, s.after)
	}
	for _, s := range acked {
		if s.lag != nil && s.lag.pending(s.after) {
			resume = min(resume, s.after)
		}
	}
	f.outbox.drop()
	return &cutOffError{resume: resume}
}
