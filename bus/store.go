package bus

import (
	"context"
	"iter"
	"time"

	"atommq/feeds"
)

// A Store keeps the log and its feeds. All its methods may be called at the same
// time from any goroutine. When a call's context is done, the error wraps the context's
// cause; when the store cannot be reached or written, ErrUnavailable, ErrFull or
// ErrReadOnly.
type Store interface {
	Log
	Catalog
	Queues
	Claims
	Nodes
	Health
	MediaStore
	Retention
	Accounts
	Permissions
	Quotas
	Census
	// Close releases the store. No call may be under way.
	Close() error
}

// Log keeps entries: one order of ids over all feeds.
type Log interface {
	// Commit writes ops as one durable transaction and returns once it is on
	// disk. They come in pieces: the store writes one inside the transaction
	// before it asks for the next, so that ops which arrive meanwhile still
	// join; after the last piece it commits.
	//
	// Ids are taken in the order of ops, from one counter, and become visible
	// in order: once any reader on any node has seen id N, none below N
	// appears. An op that breaks a rule gets that error in its Err and changes
	// nothing; the others go on. When Commit itself returns an error, nothing
	// was written for any of them. Feeds that do not exist are made by the
	// first entry published.
	Commit(ctx context.Context, pieces iter.Seq[[]*Op]) error

	// Head returns the newest id in the log, 0 for none. It never falls.
	Head(ctx context.Context) (int64, error)

	// Read returns entries and tombstones of a feed, as q asks, at most
	// q.Limit. A feed that does not exist reads as empty.
	Read(ctx context.Context, q Query) ([]*Entry, error)

	// Find returns the entry, draft or tombstone with this uuid, in any feed when feed is
	// empty: ErrNoEntry if there is none.
	Find(ctx context.Context, feed, uuid string) (*Entry, error)

	// Changed returns the names of feeds that have an entry or a tombstone with an id above
	// after, at most limit of them, and the log's head. When there are more than limit, it
	// returns no names and more = true. A head below after says that the store has lost entries, as
	// a standby that took over may have; Changed makes sure that no node gives their ids again.
	Changed(ctx context.Context, after int64, limit int) (names []string, head int64, more bool, err error)
}

// Catalog keeps what is known of the feeds.
type Catalog interface {
	// Feed returns one feed: ErrNoFeed if there is none.
	Feed(ctx context.Context, name string) (*Feed, error)

	// Feeds returns at most limit feeds in bytewise order of name: the first ones
	// after the name after or, when before is not empty, the last ones before it.
	Feeds(ctx context.Context, after, before string, limit int) ([]*Feed, error)

	// Names returns the names of at most limit feeds whose names begin with prefix, in bytewise order.
	Names(ctx context.Context, prefix string, limit int) ([]string, error)

	// PrunedAbove returns at most limit feeds whose names begin with prefix and whose Pruned is
	// above id, in bytewise order of name, the first ones after the name after.
	PrunedAbove(ctx context.Context, prefix, after string, id int64, limit int) ([]Pruned, error)

	// Configure changes a feed's settings, making the feed if there is none. ErrChanged when s
	// names another revision than the feed has.
	Configure(ctx context.Context, name string, s Settings) (*Feed, error)

	// Prune removes at most limit of a feed's entries and tombstones with ids up to
	// upTo, oldest first, and remembers the newest id removed. ErrNoFeed if there
	// is no such feed.
	Prune(ctx context.Context, feed string, upTo int64, limit int) (removed int, err error)

	// ForgetKeys removes at most limit idempotency keys used before t.
	ForgetKeys(ctx context.Context, t time.Time, limit int) (removed int, err error)
}

// Queues keeps the queues of the feeds, and the work that waits in them.
type Queues interface {
	// Queue returns a queue of a feed as it is now: ErrNoQueue if there is none.
	Queue(ctx context.Context, feed, name string) (*Queue, error)

	// Queues returns at most limit queues in bytewise order of feed and name, the first ones after
	// the queue that after names.
	Queues(ctx context.Context, after QueueName, limit int) ([]*Queue, error)

	// ConfigureQueue changes a queue's settings. It makes the queue, and its feed, if there is
	// none: the queue sees every entry from then on. ErrChanged, and nothing done, when the queue
	// is not as s.If is; ErrManyQueues when the feed has MostQueues others.
	ConfigureQueue(ctx context.Context, feed, name string, s QueueSettings) (*Queue, error)

	// Waiting returns at most limit of a queue's entries that were not acked, those that a consumer
	// has now included, in the order of claims, after the place that after names (the zero
	// Place is the beginning), and none once the bytes of those before pass bytes, so that the
	// first always is; 0 is for no bound. It changes nothing.
	Waiting(ctx context.Context, queue int64, after Place, limit int, bytes int64) ([]Place, error)

	// Fetch returns the entries with these ids, in order of id. Those that are gone are left out.
	Fetch(ctx context.Context, ids []int64) ([]*Entry, error)
}

// Claims tells of what was handed out, and of what waits to be.
type Claims interface {
	// Leases returns at most limit leases of any queue, those that end first. It sees all that was
	// committed before.
	Leases(ctx context.Context, limit int) ([]Lease, error)

	// LeaseSecret returns what the names of leases are sealed with: at least 16 bytes, the same for
	// every process and for ever.
	LeaseSecret(ctx context.Context) ([]byte, error)

	// Backlog returns how it stands with a queue's work. It reads the claims and no more of what
	// waits than it must.
	Backlog(ctx context.Context, queue int64) (Backlog, error)

	// CountReady counts a queue's work on entries with ids up to upTo that nobody has, paused or
	// not. It reads all of it.
	CountReady(ctx context.Context, queue, upTo int64) (int64, error)
}

// Nodes keeps account of the processes that hold claims, so that the claims of one that died
// go to others.
type Nodes interface {
	// Join enters this process as a new node, a number above 0 that is never given again.
	Join(ctx context.Context) (node int64, err error)

	// Leave returns a node's claims to their queues, their attempts counted, and strikes it out.
	Leave(ctx context.Context, node int64) error

	// Recover does so for every node whose process is gone, and returns the ids of the queues that
	// got work back. It costs next to nothing when there is none.
	Recover(ctx context.Context) (queues []int64, err error)

	// Stirred tells what releases by any node brought back: the ids of at most limit queues that
	// got work back since mark, each once, those that got it last at the end, and the mark to go on
	// from. A mark below 0 asks for the newest mark alone. A dropped queue need not be named.
	Stirred(ctx context.Context, mark int64, limit int) (queues []int64, next int64, err error)

	// Known returns those of the queues with these ids that there are, as they are now, in order of id.
	Known(ctx context.Context, queues []int64) ([]*Queue, error)
}

// Health tells what the store cannot do for the moment, and which processes are there.
type Health interface {
	// Ready makes a write as Commit does, which changes nothing, and returns once it is on disk.
	Ready(ctx context.Context) error

	// OnLoss has call called with each node of this process that others may from now on take for
	// dead, or have: when it could give no sign of life in time, or finds itself struck out. Any
	// goroutine may call it, once for a node.
	OnLoss(call func(node int64))

	// Living returns the nodes that have joined, not left, and whose processes are not known to be gone.
	Living(ctx context.Context) (nodes []int64, err error)
}

// A Notifier tells of commits by other processes. It is a hint: it may merge,
// repeat and lose; the bus reads the store to know.
type Notifier interface {
	// Watch calls changed, from one goroutine at a time, once at the start and
	// whenever another process may have written, until ctx is done; then it
	// returns ctx's cause.
	// Any other error means that watching broke off; the bus calls Watch again.
	Watch(ctx context.Context, changed func()) error
}

// Query asks for a page of one feed.
type Query struct {
	Feed   string
	Prefix bool  // every feed whose name starts with Feed, in one order of ids
	After  int64 // only ids above it
	Before int64 // only ids below it; 0 for no bound
	Newest bool  // the newest ones first; otherwise the oldest ones first
	Limit  int   // at least 1
	// First has a Bus begin at the entry 1 where After is 0, rather than at the oldest one that is
	// kept. Stores know no difference.
	First bool
	// Loss tells a Bus what the reader of several feeds knows to have been pruned above After, and
	// Reader who that is: what else was is a gap, of feeds that it may read. nil may read
	// everything. Stores know of neither.
	Loss   Loss
	Reader *Caller
	// Gaps has a Bus return no *GapError: the caller asks LossAt.
	Gaps bool
	// Left asks a Bus for entries, too, that have left the feed because they were acked, as far
	// as memory has them: live followers of a feed that keeps entries until acked would miss them
	// otherwise. Stores have none.
	Left bool
	// Bytes ends the page early: no entry is added once the XML of those before it
	// passes it, so that the first always is. 0 for no bound.
	Bytes int
	// Outline leaves the XML out: Entry.Outlined has its size. A page from memory has it
	// nevertheless.
	Outline bool
}

// Feed is a feed as the store knows it.
type Feed struct {
	feeds.Feed
	Pruned int64 // newest id removed by retention, 0 for none
	// UntilAcked says that an entry leaves the feed once every queue has acked it. A feed
	// that is born from a Posting with a Queue has it.
	UntilAcked bool
	Keep       Keep
	// Revision counts how often the settings were changed.
	Revision int64
	// Owner is the account that made the feed, Anonymous for whoever had none; "" where nobody counts it.
	Owner string
}

// Pruned tells up to which id a feed's entries were pruned.
type Pruned struct {
	Feed string
	UpTo int64
}

// KeepsAll reports whether nothing leaves f but by pruning or removing it: it is append-only, and
// no rule of its own lets entries go.
func (f *Feed) KeepsAll() bool { return f.AppendOnly && !f.UntilAcked && f.Keep == (Keep{}) }

// Settings are the properties of a feed that its owner chooses. A nil field is left as it is.
type Settings struct {
	Title      *string
	Subtitle   *string
	Author     *feeds.Person
	AppendOnly *bool
	UntilAcked *bool
	Accepts    *feeds.Accepts
	Categories *feeds.Categories
	Keep       *Keep
	// IfRevision is the revision that the feed must have, 0 also when there is no feed. nil takes any.
	IfRevision *int64
}

// OpKind says what an Op does.
type OpKind uint8

// The kinds of Op.
const (
	OpPublish   OpKind = iota + 1 // append Posts, and settle claims
	OpReplace                     // give Posts[0].Entry, found by feed and uuid, new content and a new id; publish a draft
	OpRemove                      // make it a tombstone with a new id
	OpClaim                       // hand out waiting work, as Order says
	OpDrop                        // remove the feed Drop with all its entries, queues and work
	OpOpen                        // find the queue that Open names, which begins with it if there is none
	OpPurge                       // remove waiting work, as Purge says
	OpDropQueue                   // remove the queue Purge.Queue with its work, as Purge says, as if that were acked: ErrNoQueue if there is none
	OpRequeue                     // send a dead letter back: Settle[0] is the ack of it, Posts[0] what becomes of it
	OpMedia                       // give Posts[0].Entry, found by feed and uuid, the upload Media in place of its media, and a new id
)

// Op is one atomic piece of a commit. A store sets the entries' ids and Err.
//
// What it means for queues: OpPublish writes work for every queue that the feed has by then.
// OpReplace gives the entry's remaining work, claimed or not, its new id, to be handed out anew
// with no attempt counted; a queue that has acked the entry does not get it again. OpRemove removes
// the entry's work. A claim that lost its work so is settled by any verdict without effect.
//
// OpRequeue, where the settlement has an effect, gives work to the one queue that its posting
// names, which it makes if need be. The work is on the entry of the posting's feed that Again names,
// if that is still there: the posting's Entry becomes it, marked as Replayed, and gets no
// work a second time; it has the rank that it has in the feed's other queues, if any, and the
// letter's id as its Round. Else the posting's Entry is published with the media that the letter
// has, and no other queue gets it.
//
// What it means for drafts: OpPublish keeps a Posting that says Draft where only Find finds it,
// without an id. OpReplace changes it there or, when the Posting does not say Draft, publishes it,
// as OpPublish would, and sets Born. OpRemove removes it without a trace.
type Op struct {
	Kind  OpKind
	Posts []Posting
	// Settle, with OpPublish, says what became of claims: of this node, or leases.
	Settle []Settlement
	Order  Order  // of OpClaim
	Drop   string // of OpDrop: a feed's name
	// Open, with OpOpen, names a queue: the store sets its other fields. A queue and a feed that do
	// not exist are made: ErrManyQueues when the feed has MostQueues others.
	Open  *Queue
	Purge *Purge // of OpPurge and OpDropQueue
	Again Again  // of OpRequeue
	// Media, with OpPublish of one posting, is the upload that becomes its media: ErrNoMedia if it
	// is gone, or has an entry already. With OpMedia, that which becomes it from now on.
	Media *Media
	Trace feeds.Trace // of OpMedia: takes the place of the entry's own, unless it is zero
	// IfID, with OpReplace and OpRemove, is the id that the entry must have, with OpMedia the
	// number that its media must have, with OpDrop the newest id of the feed: ErrChanged if it has
	// another. 0 takes any.
	IfID int64
	// At is the time of the commit. It becomes Edited, and Published and Updated where
	// the entry has none; OpReplace keeps the former Published instead.
	At time.Time
	// Freed is set by the store: the bytes of XML that OpReplace, OpMedia and OpRemove took
	// off the feed's account. What OpPublish, OpReplace and OpMedia add is len(Entry.XML).
	Freed int64
	// Born is set by the store: OpReplace published a draft.
	Born bool
	Err  error
}

// Again names the entry that a dead letter was made of: by its uuid, which it has also after edits,
// or, where that is not known, by the id that it had. Neither is for none.
type Again struct {
	UUID string
	ID   int64
}

// Posting is one entry of an Op, with the idempotency key it came under.
type Posting struct {
	// Entry is written with the ID that the store gives it. After OpReplace and OpRemove, every
	// field is as the store now has it. When Replayed is set, it is replaced by the entry first
	// published under Key as it is now, a tombstone perhaps (or, when it was pruned since, by one
	// with only Feed, UUID and ID set).
	Entry *Entry
	// Key is the idempotency key, "" for none. Postings of one op that share
	// feed and key are one unit: Seq numbers them from 0.
	Key string
	Seq int
	// Digest identifies the unit's bytes. A key used before with another digest,
	// or for fewer postings, is ErrKeyReused.
	Digest [32]byte
	// Replayed is set by the store when the key was used before; nothing is written then.
	Replayed bool
	// Draft keeps the entry from every reader but those who know its uuid.
	Draft bool

	// Queue is the name of a queue that the posting makes if the feed does not have it: the one
	// it was sent through. "" for none. ErrManyQueues when the feed has MostQueues others; a dead
	// letter, which has to go somewhere, makes none then.
	Queue      string
	Rank       uint8         // 9 - priority, 0 to 9: the lower, the earlier
	AckTimeout time.Duration // that the publisher asks for; 0 for none
	Expires    time.Time     // no queue hands it out from then on; zero for never

	// InPlaceOf is the number, from 1, of the settlement in the op that the posting stands for: a
	// dead letter. It has the media that its entry has, each of them for itself from then on. When
	// that one has no effect, the posting has none either, and its Entry gets no ID. 0 for none.
	InPlaceOf int
}

// Unit names the postings that an idempotency key covers.
type Unit struct{ Feed, Key string }

// Unit returns the unit that p belongs to.
func (p *Posting) Unit() Unit { return Unit{p.Entry.Feed, p.Key} }
