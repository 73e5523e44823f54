package bus

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"atommq/feeds"
)

const (
	deadSuffix = ".dead"
	nameBytes  = 255 // of a feed's name, at most
)

// DeadFeed returns the name of the feed that dead letters go to, entries that used up their attempts in a queue of
// this feed: its own with ".dead" behind it, cut where the name would be too long.
func DeadFeed(feed string) string {
	end := min(len(feed), nameBytes-len(deadSuffix))
	for end < len(feed) && !utf8.RuneStart(feed[end]) {
		end--
	}
	return feed[:end] + deadSuffix
}

// The causes of dead letters.
const (
	causeNack    = "the consumer refused it"
	causeTimeout = "its ack timeout passed"
	causeGone    = "its consumer broke off"
)

// deadLetter returns what takes the place of e, which its consumer gave back: nil while it has attempts left.
func (e *Delivery) deadLetter(cause string) *Entry {
	entry := e.loaded()
	if cause == "" || entry == nil || !e.usedUp() {
		return nil
	}
	annotated, err := feeds.Annotate(&entry.Member, []feeds.Field{
		{Name: "dead-cause", Value: cause},
		{Name: "dead-feed", Value: e.Feed},
		{Name: "dead-queue", Value: e.queue.kind.Load().name},
		{Name: "dead-id", Value: strconv.FormatInt(e.ID, 10)},
		{Name: "dead-attempts", Value: strconv.Itoa(e.Attempt)},
		{Name: "dead-consumer", Value: e.consumer.name},
	})
	if err != nil {
		return nil // one more attempt is better than a loss
	}
	letter, err := newEntry(DeadFeed(e.Feed), annotated)
	if err != nil {
		return nil
	}
	return letter
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

// usedUp reports whether e was the last attempt. Dead letters have any number: there is nowhere else for them.
func (e *Delivery) usedUp() bool {
	limit := e.queue.kind.Load().attempts
	return limit > 0 && e.Attempt >= limit && !strings.HasSuffix(e.Feed, deadSuffix)
}

// giveBack settles e, which is not acked, in t: with a dead letter once its attempts are used up.
func (t *ticket) giveBack(e *Delivery, cause string) {
	letter := e.deadLetter(cause)
	switch {
	case letter != nil:
		t.settle(e, Acked)
		t.op.Posts = append(t.op.Posts, Posting{Entry: letter, Queue: DefaultQueue, Rank: e.Rank, InPlaceOf: len(t.op.Settle)})
	case e.taken:
		t.settle(e, Released)
	default:
		t.settle(e, Returned)
	}
}

func (t *ticket) settle(e *Delivery, v Verdict) {
	t.op.Settle = append(t.op.Settle, Settlement{Claim: e.Claim, Verdict: v})
	t.settles = append(t.settles, e)
}
