package bus

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"atommq/feeds"
)

const deadSuffix = ".dead"

// DeadFeed returns the name of the feed that dead letters go to, entries that used up their attempts
// in a queue of this feed: its own with ".dead" behind it, cut where the name would be too long.
func DeadFeed(feed string) string {
	end := min(len(feed), feeds.MaxName-len(deadSuffix))
	for end < len(feed) && !utf8.RuneStart(feed[end]) {
		end--
	}
	return feed[:end] + deadSuffix
}

// IsDeadFeed reports whether a feed holds the dead letters of another one.
func IsDeadFeed(name string) bool {
	return len(name) > len(deadSuffix) && strings.HasSuffix(name, deadSuffix)
}

// LivingFeed returns the name of the feed whose dead letters go to this one. Where that was too
// long to stand in the name whole, it is the part that does; rules for those that begin so decide.
func LivingFeed(dead string) string {
	if !IsDeadFeed(dead) {
		return dead
	}
	return strings.TrimSuffix(dead, deadSuffix)
}

// The causes of dead letters.
const (
	causeNack    = "the consumer refused it"
	causeTimeout = "its ack timeout passed"
	causeGone    = "its consumer broke off"
)

// leaseConsumer is who held a lease, as far as anybody knows.
const leaseConsumer = "HTTP"

// letter is a dead letter: an entry that takes the place of one in a queue.
type letter struct {
	*Entry
	claim           Claim // of the former
	queue           QueueName
	cause, consumer string
}

// deadLetter returns what takes the place of e, which its consumer gave back: nil while it has attempts left.
func (e *Delivery) deadLetter(cause string) *letter {
	if cause == "" || !e.usedUp() {
		return nil
	}
	return deadLetter(e.loaded(), &e.Claim, QueueName{e.Feed, e.queue.kind.Load().name}, cause, e.consumer.name)
}

// DeadCause is the first header of a dead letter: why its entry became one.
const DeadCause = "dead-cause"

// The headers that a dead letter has behind it and before those of its entry.
const (
	deadFeed     = "dead-feed"
	deadQueue    = "dead-queue"
	deadID       = "dead-id"
	deadAttempts = "dead-attempts"
	deadConsumer = "dead-consumer"
	deadTimeout  = "dead-ack-timeout" // that the publisher asked for, in seconds; 0 for none
	deadExpires  = "dead-expires"     // when the entry would have expired, in milliseconds since 1970; 0 for never
	deadUUID     = "dead-uuid"        // which stays when an edit gives the entry another id
)

// deadHeaders are the headers of a dead letter, in order.
var deadHeaders = []string{DeadCause, deadFeed, deadQueue, deadID, deadAttempts, deadConsumer, deadTimeout, deadExpires, deadUUID}

// How many of them dead letters had before they told of ack timeouts and expiry, and of uuids.
const (
	olderHeaders    = 6
	namelessHeaders = 8
)

// deadLetter returns what takes the place of entry, which was claimed from a queue for the last
// time: nil if that cannot be.
func deadLetter(entry *Entry, c *Claim, queue QueueName, cause, consumer string) *letter {
	if entry == nil {
		return nil
	}
	annotated, err := feeds.Annotate(&entry.Member, []feeds.Field{
		{Name: DeadCause, Value: cause},
		{Name: deadFeed, Value: queue.Feed},
		{Name: deadQueue, Value: queue.Name},
		{Name: deadID, Value: strconv.FormatInt(c.ID, 10)},
		{Name: deadAttempts, Value: strconv.Itoa(c.Attempt)},
		{Name: deadConsumer, Value: consumer},
		{Name: deadTimeout, Value: strconv.FormatFloat(c.AckTimeout.Seconds(), 'f', -1, 64)},
		{Name: deadExpires, Value: strconv.FormatInt(milliseconds(c.Expires), 10)},
		{Name: deadUUID, Value: entry.UUID},
	})
	if err != nil {
		return nil // one more attempt is better than a loss
	}
	e, err := newEntry(DeadFeed(queue.Feed), annotated)
	if err != nil {
		return nil
	}
	return &letter{e, *c, queue, cause, consumer}
}

// milliseconds returns the time since 1970, 0 for the zero time.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// loaded returns the entry of a delivery that was taken, nil if its consumer has not loaded it yet.
func (e *Delivery) loaded() *Entry {
	d := e.queue.desk()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !e.taken {
		return nil
	}
	return e.Entry
}

// reloadTime bounds how long the entries of dead letters may take to be read.
const reloadTime = 5 * time.Second

// mostReloads is how often, a second apart, the entry of a dead letter is read in vain before it
// gets one more attempt. Its queue waits as long, as what lies behind it would come first.
const mostReloads = 10

// reload reads anew what dead letters are made of if ds are given back, and returns those that had
// to be read. What cannot be read gets one more attempt when it is given back all the same.
func (b *Bus) reload(ctx context.Context, ds []*Delivery) (read []*Delivery, err error) {
	if len(ds) == 0 {
		return nil, nil
	}
	b.desk.mu.Lock()
	for _, d := range ds {
		if d.mustReload() {
			read = append(read, d)
		}
	}
	b.desk.mu.Unlock()
	if len(read) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	return read, b.Load(ctx, read)
}

// unloadAgain lets go of what reload read, once the dead letters are made of it: whoever was handed
// the deliveries may keep them.
func (b *Bus) unloadAgain(read []*Delivery) {
	if len(read) == 0 {
		return
	}
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	for _, d := range read {
		d.Entry = nil
	}
}

// mustReload reports whether e has to be read again to become a dead letter. Callers hold the
// desk's lock.
func (e *Delivery) mustReload() bool { return e.unloaded && e.Entry == nil && e.usedUp() }

// lettersBytes returns how long the entries are that become dead letters if ds are given back.
func lettersBytes(ds []*Delivery) (bytes int64) {
	for _, d := range ds {
		if d.usedUp() {
			bytes += d.Bytes
		}
	}
	return bytes
}

// putOff returns those of lost that can be given back although what could be read of them failed.
// The others are tried again in a second, for so long as that may help.
func (d *desk) putOff(lost []*Delivery, why error) (now []*Delivery) {
	d.mu.Lock()
	again := 0
	for _, e := range lost {
		switch {
		case !e.mustReload():
		case e.reloads < mostReloads:
			e.reloads++
			d.failedAgain(e)
			continue
		default:
			again++
		}
		now = append(now, e)
	}
	d.mu.Unlock()
	if again > 0 {
		d.bus.config.Log.Warn("messages whose attempts are used up get one more, as they cannot be read", "messages", again, "error", why)
	}
	return now
}

// usedUp reports whether this is the last attempt that its queue has.
func (e *Delivery) usedUp() bool { return usedUp(e.Feed, e.Attempt, e.queue.kind.Load().attempts) }

// usedUp reports whether an attempt was the last of those that a queue of feed has. Dead letters
// have any number: there is nowhere else for them.
func usedUp(feed string, attempt, limit int) bool {
	return limit > 0 && attempt >= limit && !IsDeadFeed(feed)
}

// giveBack settles e, which is not acked, in t: with a dead letter once its attempts are used up.
func (t *ticket) giveBack(e *Delivery, cause string) {
	l := e.deadLetter(cause)
	if l == nil {
		t.release(e)
		return
	}
	t.settle(e, Acked)
	t.bury(l)
}

// release has e wait in its place again: the attempt counts if its consumer took it.
func (t *ticket) release(e *Delivery) {
	if e.taken {
		t.settle(e, Released)
	} else {
		t.settle(e, Returned)
	}
}

// bury has t post a letter in place of what it settled last.
func (t *ticket) bury(l *letter) {
	t.op.Posts = append(t.op.Posts, Posting{Entry: l.Entry, Queue: DefaultQueue, Rank: l.claim.Rank, InPlaceOf: len(t.op.Settle)})
	t.letters = append(t.letters, l)
}

func (t *ticket) settle(e *Delivery, v Verdict) {
	t.op.Settle = append(t.op.Settle, Settlement{Claim: e.Claim, Verdict: v})
	t.settles = append(t.settles, e)
}

// loggedLetters is how many dead letters of one commit the log tells of one by one: a consumer that
// refuses everything makes thousands.
const loggedLetters = 20

// collectLetters keeps the dead letters that t made, before it is its owner's again. Whatever was
// settled before made none.
func (m *batch) collectLetters(t *ticket, err error) {
	if err != nil || t.op.Err != nil {
		return
	}
	for _, l := range t.letters {
		if l.ID > 0 {
			m.letters = append(m.letters, l)
		}
	}
}

// tellOfLetters counts the dead letters of a commit and tells the log of them.
func (b *Bus) tellOfLetters(m *batch) {
	if len(m.letters) == 0 {
		return
	}
	b.stats.letters.Add(int64(len(m.letters)))
	for i, l := range m.letters {
		if i == loggedLetters {
			b.config.Log.Warn("and more dead letters in the same commit", "count", len(m.letters)-i, "to", l.Feed)
			break
		}
		b.config.Log.Warn("dead letter: an entry used up its attempts", "feed", l.queue.Feed, "queue", l.queue.Name, "entry", l.claim.ID,
			"attempts", l.claim.Attempt, "cause", l.cause, "consumer", l.consumer, "to", l.Feed, "as", l.ID)
	}
	clear(m.letters)
	m.letters = m.letters[:0]
}
