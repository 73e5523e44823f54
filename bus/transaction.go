package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"atommq/feeds"
)

// Transaction is entries to publish and deliveries to settle, all or none.
type Transaction struct {
	// Posts are each by itself: one that comes under the key of another is left out when it is the same,
	// and ErrKeyReused when it is not.
	Posts []Post
	Acks  []*Delivery
	Nacks []*Delivery // released, their attempt counted; the last attempt makes a dead letter

	// Done is called once, when the transaction is on disk or has failed: from the committer, in
	// the order of submission, before anything of it is delivered. It must not block and must not
	// call the bus. The transaction is the caller's again from then on.
	Done func(*Transaction)

	// Published and Err are the outcome. Errors: those of Publish, and ErrClaimLost when a delivery
	// is no longer held: nothing of the transaction was done then. The dead letters that Nacks make
	// count for ErrTooLarge, too.
	Published []Published
	Err       error

	ticket ticket
}

// Submit queues transactions for the committer, in order, each on its own all or none, and returns
// without waiting for the disk. It waits while Config.PendingBytes are queued: so a producer faster
// than the disk is slowed. A transaction that cannot be queued gets its Err, and Done, at once.
// When Submit returns an error, ctx's cause or ErrClosed, the transactions that were not queued
// have got it, too: Done is called for every one.
func (b *Bus) Submit(ctx context.Context, ts ...*Transaction) error {
	defer b.intake.signal()
	for i, t := range ts {
		if err := b.prepare(t); err != nil {
			b.stats.refuse(err, len(t.Posts))
			t.decided(err)
			continue
		}
		if err := b.intake.put(ctx, &t.ticket); err != nil {
			b.desk.unhold(t)
			for _, t := range ts[i:] {
				b.stats.refuse(err, len(t.Posts))
				t.decided(err)
			}
			return err
		}
	}
	return nil
}

// Do runs one transaction and waits for its outcome: its Err. When nobody else is writing, it is
// committed in the caller's own goroutine, which spares two hand-overs. Done is called, too, where it
// is set. When ctx ends before it is queued, nothing was done; after that Do waits for the outcome.
func (b *Bus) Do(ctx context.Context, t *Transaction) error {
	w := make(waiter, 1)
	then := t.Done
	t.Done = func(t *Transaction) {
		if then != nil {
			then(t)
		}
		w <- t.Err
	}
	defer func() { t.Done = then }()
	if err := b.prepare(t); err != nil {
		b.stats.refuse(err, len(t.Posts))
		t.decided(err)
		return <-w
	}
	if err := b.intake.put(ctx, &t.ticket); err != nil {
		b.desk.unhold(t)
		b.stats.refuse(err, len(t.Posts))
		t.decided(err)
		return <-w
	}
	b.lead()
	return <-w
}

// prepare makes the ticket of t. The deliveries that it settles are its own from then on.
func (b *Bus) prepare(t *Transaction) error {
	k := &t.ticket
	k.op, k.settles, k.letters, k.owner = Op{Kind: OpPublish}, nil, nil, t
	if len(t.Posts) > 0 {
		var err error
		if t.Posts, err = onceEach(t.Posts); err != nil {
			return err
		}
		k.op.Posts = make([]Posting, len(t.Posts))
		if err = postings(k.op.Posts, t.Posts); err != nil {
			return err
		}
	}
	if len(t.Acks)+len(t.Nacks) > 0 {
		if err := b.prepareSettlements(t); err != nil {
			return err
		}
	}
	if err := b.intake.weigh(k); err != nil {
		b.desk.unhold(t)
		return err
	}
	return nil
}

// onceEach returns posts without those that repeat an earlier one under its key.
func onceEach(posts []Post) ([]Post, error) {
	var first map[Unit]*feeds.Entry
	var repeats bool
	for i := range posts {
		p := &posts[i]
		if p.Key == "" || len(posts) == 1 {
			continue
		}
		if first == nil {
			first = make(map[Unit]*feeds.Entry)
		}
		switch earlier := first[p.unit()]; {
		case earlier == nil:
			first[p.unit()] = p.Entry
		case !bytes.Equal(earlier.XML, p.Entry.XML):
			return posts, ErrKeyReused
		default:
			repeats = true
		}
	}
	if !repeats {
		return posts, nil
	}
	return slices.DeleteFunc(slices.Clone(posts), func(p Post) bool { return p.Key != "" && first[p.unit()] != p.Entry }), nil
}

func (p *Post) unit() Unit { return Unit{p.Feed, p.Key} }

func (b *Bus) prepareSettlements(t *Transaction) error {
	k := &t.ticket
	n := len(t.Acks) + len(t.Nacks)
	k.op.Settle = make([]Settlement, 0, n)
	k.settles = make([]*Delivery, 0, n)
	if lettersBytes(t.Nacks) > b.intake.capacity { // before they are read
		return ErrTooLarge
	}
	if err := b.desk.hold(t); err != nil {
		return err
	}
	for _, e := range t.Acks {
		k.settle(e, Acked)
	}
	read, err := b.reload(context.Background(), t.Nacks)
	if err != nil { // the consumer waits for an answer
		b.config.Log.Warn("messages that were refused for the last time get one more attempt, as they cannot be read", "error", err)
	}
	for _, e := range t.Nacks {
		k.giveBack(e, causeNack)
	}
	b.unloadAgain(read)
	return nil
}

// decided implements owner.
func (t *Transaction) decided(err error) {
	t.Err = err
	if err == nil {
		t.Published = outcomes(t.ticket.op.Posts[:len(t.Posts)])
	}
	if t.Done != nil {
		t.Done(t)
	}
}

// postings checks posts, and makes list, of which there are as many, what a store is to write.
func postings(list []Posting, posts []Post) error {
	keyed := false
	for i := range posts {
		p := &posts[i]
		if err := feeds.CheckName(p.Feed); err != nil {
			return err
		}
		if p.Media != nil && len(posts) > 1 {
			return errors.New("an entry with media is published alone")
		}
		if p.Queue != "" && p.Queue != DefaultQueue {
			if err := feeds.CheckName(p.Queue); err != nil {
				return fmt.Errorf("queue: %w", err)
			}
		}
		e, err := p.entry()
		if err != nil {
			return err
		}
		list[i] = Posting{
			Entry: e, Key: p.Key, Draft: p.Entry.Draft,
			Queue: p.Queue, Rank: p.Priority.rank(), AckTimeout: p.AckTimeout, Expires: p.Expires,
		}
		keyed = keyed || p.Key != ""
	}
	if keyed {
		sealUnits(list, posts)
	}
	return nil
}

func outcomes(posts []Posting) []Published {
	if len(posts) == 0 {
		return nil
	}
	out := make([]Published, len(posts))
	for i := range posts {
		out[i] = Published{Entry: posts[i].Entry, Replayed: posts[i].Replayed}
	}
	return out
}

// delivery returns the i-th of the deliveries that t settles.
func (t *Transaction) delivery(i int) *Delivery {
	if i < len(t.Acks) {
		return t.Acks[i]
	}
	return t.Nacks[i-len(t.Acks)]
}

// hold makes the deliveries that t settles its own: ErrClaimLost, and none of them, when one is
// not held any more.
func (d *desk) hold(t *Transaction) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range len(t.Acks) + len(t.Nacks) {
		e := t.delivery(i)
		if e.state != deliveryHeld {
			for j := range i {
				t.delivery(j).state = deliveryHeld
			}
			return ErrClaimLost
		}
		e.state = deliverySettling
	}
	return nil
}

// unhold lets them go again.
func (d *desk) unhold(t *Transaction) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range len(t.Acks) + len(t.Nacks) {
		d.restore(t.delivery(i))
	}
}
