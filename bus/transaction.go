package bus

import "context"

// Transaction is entries to publish and deliveries to settle, all or none.
type Transaction struct {
	Posts []Post
	Acks  []*Delivery
	Nacks []*Delivery // released, their attempt counted; the last attempt makes a dead letter

	// Done is called once, when the transaction is on disk or has failed: from the committer, in the order
	// of submission, before anything of it is delivered. It must not block and must not call the bus.
	Done func(*Transaction)

	// Published and Err are the outcome. Errors: those of Publish, and ErrClaimLost when a delivery
	// is no longer held: nothing of the transaction was done then.
	Published []Published
	Err       error
}

// Submit queues transactions for the committer, in order, each on its own all or none, and returns without waiting
// for the disk. It waits while Config.PendingBytes are queued: so a producer faster than the disk is slowed.
// A transaction that cannot be queued gets its Err, and Done, at once. After an error of Submit itself (ctx's cause, ErrClosed) the
// transactions that were not queued get it too: Done is called for every one.
func (b *Bus) Submit(ctx context.Context, ts ...*Transaction) error { panic("not built yet") }

// Do runs one transaction and waits for its outcome: its Err. When nobody else is writing, it is committed in
// the caller's own goroutine, which spares two hand-overs. Done is called, too, where it is set.
func (b *Bus) Do(ctx context.Context, t *Transaction) error { panic("not built yet") }

// Listener learns of what is committed. Its methods are called from one goroutine at a time, after the
// publishers were answered; they must not block and must not call the bus.
type Listener interface {
	// Committed brings what this node committed: entries and tombstones, in order of id, over all feeds.
	Committed(entries []*Entry)

	// Changed says that other processes wrote to these feeds, or, with all set, perhaps to any: read them.
	Changed(feeds []string, all bool)
}

// Listen makes l a listener until the returned function is called, which waits for a call under way.
func (b *Bus) Listen(l Listener) (stop func()) { panic("not built yet") }
