package bus

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// committer writes what is waiting, one commit at a time. Whoever has its turn commits: the
// goroutine that Open starts or, when that has nothing to do, a caller who waits for the outcome
// anyway, which spares both hand-overs between goroutines.
type committer struct {
	turn  chan struct{} // holds a token while nobody commits
	batch batch
}

func newCommitter(m batch) committer {
	c := committer{turn: make(chan struct{}, 1), batch: m}
	c.turn <- struct{}{}
	return c
}

// waiter is a caller that waits for its ticket.
type waiter chan error

func (w waiter) decided(err error) { w <- err }

// commit queues t and waits for its outcome. When ctx ends first, t may still be
// committed: the error then does not say. A caller who commits its own ticket is not
// interrupted.
func (b *Bus) commit(ctx context.Context, t *ticket) error {
	_, err := b.commitFor(ctx, t, make(waiter, 1))
	return err
}

// commitFor is commit with a waiter, which is empty. Unless decided, the committer has both still.
func (b *Bus) commitFor(ctx context.Context, t *ticket, done waiter) (decided bool, err error) {
	t.owner = done
	err = b.intake.weigh(t)
	if err == nil {
		err = b.intake.put(ctx, t)
	}
	if err != nil {
		b.stats.refuse(err, len(t.op.Posts))
		return true, err
	}
	b.lead()
	select {
	case err := <-done:
		return true, err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // both came at once: what is known is worth more
		return true, err
	default:
		return false, context.Cause(ctx)
	}
}

// lead commits what is waiting, unless somebody is committing already: the commitLoop then
// takes it. It makes one batch; what came meanwhile is the commitLoop's.
func (b *Bus) lead() {
	select {
	case <-b.committer.turn:
	default:
		b.intake.signal()
		return
	}
	b.commitNext()
	if b.intake.length() > 0 {
		b.intake.signal()
	}
}

// commitLoop takes what is waiting, commits it as one transaction, answers, and
// announces. There is no timer: an idle bus commits at once, a busy one in batches as
// large as what came in meanwhile.
func (b *Bus) commitLoop() {
	for b.intake.wait() {
		<-b.committer.turn
		b.commitNext()
	}
	<-b.committer.turn // a caller may still have it
}

// commitNext commits one batch, if there is one, and gives up the turn, which the caller has.
func (b *Bus) commitNext() {
	if m := &b.committer.batch; m.start() {
		b.commitBatch(m)
	}
	b.committer.turn <- struct{}{}
}

// commitBatch commits m. The hub learns of the entries before their publishers
// do, so that a publisher that reads next finds what it wrote; the followers
// are woken and the work is handed out after, so that no publisher waits for them.
func (b *Bus) commitBatch(m *batch) {
	// A commit is never abandoned half-way: it has many callers.
	ctx := context.Background()
	b.hub.begin()
	err := b.store.Commit(ctx, m.pieces)
	b.stats.count(m, err, time.Since(m.begun))
	b.readiness.committed(err)
	if err != nil {
		b.config.Log.Error("commit failed", "ops", len(m.ops), "error", err)
		err = fmt.Errorf("commit: %w", err)
		m.forgetRules()
	}
	defer b.tellOfLetters(m) // once nobody waits for it
	b.telling.Lock()
	defer b.telling.Unlock()
	var news news
	if err == nil {
		news = b.hub.apply(m.ops, m.departures())
	}
	var room int64
	for _, t := range m.tickets {
		room += t.size
		m.collectLetters(t, err)
	}
	b.intake.room.Release(room)
	b.desk.settle(m, err)
	m.callers = len(m.tickets) + b.intake.length()
	for _, t := range m.tickets {
		t.owner.decided(cmp.Or(err, t.op.Err))
	}
	if b.desk.handOut(m, news.entries, err) {
		b.intake.call()
	}
	b.announce(news)
	m.end()
}

// batch is what is committed as one: its memory serves again and again.
type batch struct {
	intake  *intake
	desk    *desk
	begun   time.Time
	at      time.Time // the same, but for a clock that was set back
	callers int       // that there were when the last one ended: in it, or waiting behind it
	room    int       // for so many more postings and settlements
	tickets []*ticket
	ops     []*Op    // theirs, then those of orders
	orders  []*order // for work, once the rest is written
	letters []*letter
}

// start takes what waits into the next batch. It reports false when there is nothing to do.
func (m *batch) start() bool {
	m.room = m.intake.batch
	m.begun = time.Now()
	m.at = later(m.at, m.begun.UTC().Truncate(time.Microsecond))
	m.take()
	return len(m.ops) > 0 || m.desk.due()
}

// end forgets the batch but not its memory.
func (m *batch) end() {
	clear(m.tickets)
	clear(m.ops)
	clear(m.orders)
	m.tickets, m.ops, m.orders = m.tickets[:0], m.ops[:0], m.orders[:0]
}

// forgetRules forgets what refused ops of a commit that failed: it may have been seen by half.
func (m *batch) forgetRules() {
	for _, op := range m.ops {
		op.Err = nil
	}
}

func (m *batch) take() {
	m.tickets, m.room = m.intake.take(m.tickets, m.room)
	for _, t := range m.tickets[len(m.ops):] {
		t.op.At = m.at
		m.ops = append(m.ops, &t.op)
	}
}

// pieces hands the ops to the store. While it writes one piece, callers that the
// last commit answered come back on the other processors; they make the next,
// and share the sync of the disk. The last piece claims work, and so sees all of the others.
func (m *batch) pieces(yield func([]*Op) bool) {
	for done := 0; done < len(m.ops); {
		if !yield(m.ops[done:]) {
			return
		}
		done = len(m.ops)
		if done < m.callers && m.room > 0 {
			m.intake.gather()
		}
		m.take()
	}
	m.orders = m.desk.orders(m)
	if len(m.orders) == 0 {
		return
	}
	first := len(m.ops)
	for _, o := range m.orders {
		o.op.At = m.at
		m.ops = append(m.ops, &o.op)
	}
	yield(m.ops[first:])
}

// departures lists the entries that left their feeds with the commit.
func (m *batch) departures() (left []departure) {
	for _, t := range m.tickets {
		for i := range t.op.Settle {
			if s := &t.op.Settle[i]; s.Gone && t.op.Err == nil {
				left = append(left, departure{feed: t.settles[i].Feed, id: s.ID, bytes: s.Bytes})
			}
		}
		if t.op.Kind == OpDrop {
			left = append(left, departure{feed: t.op.Drop})
		}
		if feed := t.op.Order.Feed; feed != "" && (t.op.Kind != OpClaim || t.op.Order.Expired > 0) {
			left = append(left, departure{feed: feed})
		}
	}
	for _, o := range m.orders {
		if o.op.Order.Expired > 0 {
			left = append(left, departure{feed: o.queue.feed})
		}
	}
	return left
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
