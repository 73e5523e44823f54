package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"atommq/feeds"
)

const (
	requeueBatch = 100         // dead letters taken at a time
	requeueLease = time.Minute // for which they are: after it they are where they were
	// requeueSkips is how many entries that are no dead letters a call passes over.
	requeueSkips = 1000
)

// Requeued is what a call of Requeue did.
type Requeued struct {
	Sent    int64 // dead letters that went back
	Skipped int64 // entries that stay, because they are no dead letters of this feed
}

// Requeue sends dead letters that wait in a queue of a dead-letter feed, at most limit, back to the
// queues that they came from, and no others. Each goes back in the transaction that removes it: once,
// also when this node dies half-way. Where the feed still has the entry that a letter was made of,
// that waits in its queue again, as it is by now; else, and where the letter was edited, the letter
// is published there without what was added to it. A feed that is made for the first one belongs to
// the caller by, as with MakeFeed.
//
// ErrCount, and nothing done, when not seen of them wait that nobody has; ErrPaused when the queue
// is paused; ErrNotDead where what waits is work, and no dead letters.
func (b *Bus) Requeue(ctx context.Context, name QueueName, seen, limit int64, by *Caller) (done Requeued, err error) {
	if !IsDeadFeed(name.Feed) {
		return done, fmt.Errorf("requeue from %q of %q: %w", name.Name, name.Feed, ErrNotDead)
	}
	q, err := b.Queue(ctx, name.Feed, name.Name)
	if err != nil {
		return done, err
	}
	now, err := b.countReady(ctx, q, 0)
	switch {
	case err != nil:
	case q.Paused:
		err = ErrPaused
	case now.Count != seen:
		err = ErrCount
	default:
		err = b.requeueAll(ctx, q, min(seen, limit), by, &done)
	}
	if err != nil {
		return done, fmt.Errorf("requeue from %q of %q: %w", q.Name, q.Feed, err)
	}
	return done, nil
}

func (b *Bus) requeueAll(ctx context.Context, q *Queue, limit int64, by *Caller, done *Requeued) error {
	var skipped []LeasedEntry
	defer func() { b.takeBack(skipped) }()
	for done.Sent+done.Skipped < limit && done.Skipped < requeueSkips {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		count := int(min(requeueBatch, limit-done.Sent-done.Skipped))
		list, err := b.leaseReady(q, LeaseConfig{Count: count, AckTimeout: requeueLease}, 0)
		if err != nil || len(list) == 0 {
			return err
		}
		kept, err := b.requeueSome(ctx, list, by, done)
		skipped = append(skipped, kept...)
		if err != nil {
			return err
		}
	}
	return nil
}

// requeueSome sends back what it can, and returns what stays.
func (b *Bus) requeueSome(ctx context.Context, list []LeasedEntry, by *Caller, done *Requeued) (kept []LeasedEntry, err error) {
	for i := range list {
		b.lessor.note(list[i].Deadline)
	}
	for i := range list {
		sent, err := b.requeueOne(ctx, &list[i].Lease, by)
		switch {
		case err != nil:
			return append(kept, list[i:]...), err
		case sent:
			done.Sent++
		default:
			done.Skipped++
			kept = append(kept, list[i])
		}
	}
	return kept, nil
}

// requeueOne sends a letter back. It reports false for what is none.
func (b *Bus) requeueOne(ctx context.Context, l *Lease, by *Caller) (sent bool, err error) {
	found, err := b.fetch(ctx, []int64{l.ID})
	if err != nil || found[l.ID] == nil {
		return false, err
	}
	post, again, ok := undead(found[l.ID], l.Rank, time.Now())
	if !ok {
		return false, nil
	}
	if err := b.MakeFeed(ctx, post.Entry.Feed, by); err != nil {
		return false, err
	}
	t := &ticket{op: Op{Kind: OpRequeue, Posts: []Posting{post}, Again: again}}
	t.settleLease(l, Acked)
	if err := b.commit(context.WithoutCancel(ctx), t); errors.Is(err, ErrManyQueues) {
		return false, nil // its queue is gone, and has no place to be made anew
	} else if err != nil {
		return false, err
	}
	return !t.op.Settle[0].Lost, nil
}

// undead returns what a dead letter was made of, and which entry that was: none for a letter that
// was edited, as whoever did so wants what he wrote to be handed out. What has expired meanwhile never
// does: whoever sends it back wants it to be handed out.
func undead(letter *Entry, rank uint8, now time.Time) (p Posting, again Again, ok bool) {
	entry, header, ok := unannotate(&letter.Member)
	if !ok {
		return p, again, false
	}
	feed, queue := header[deadFeed], header[deadQueue]
	id, err := strconv.ParseInt(header[deadID], 10, 64)
	if err != nil || checkNames(feed, queue) != nil || DeadFeed(feed) != letter.Feed {
		return p, again, false
	}
	e, err := newEntry(feed, entry)
	if err != nil {
		return p, again, false
	}
	p = Posting{Entry: e, Queue: queue, Rank: rank}
	seconds, _ := strconv.ParseFloat(header[deadTimeout], 64) // what is no number, or not there, is 0
	expires, _ := strconv.ParseInt(header[deadExpires], 10, 64)
	p.AckTimeout = time.Duration(min(max(seconds, 0), maxDeadTimeout.Seconds()) * float64(time.Second))
	if at := time.UnixMilli(expires); at.After(now) {
		p.Expires = at
	}
	if letter.Edits == 0 {
		again = Again{UUID: header[deadUUID], ID: id}
	}
	return p, again, true
}

// maxDeadTimeout bounds what a letter, which others may have written, says of an ack timeout.
const maxDeadTimeout = 366 * 24 * time.Hour

// unannotate takes the headers off a dead letter, and returns them by name.
func unannotate(letter *feeds.Member) (*feeds.Entry, map[string]string, bool) {
	entry, fields, err := feeds.Unannotate(letter, deadHeaders...)
	for _, older := range []int{namelessHeaders, olderHeaders} {
		if err != nil {
			entry, fields, err = feeds.Unannotate(letter, deadHeaders[:older]...)
		}
	}
	header := make(map[string]string, len(fields))
	for _, f := range fields {
		header[f.Name] = f.Value
	}
	return entry, header, err == nil
}
