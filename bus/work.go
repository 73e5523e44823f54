package bus

import "time"

// QueueName names a queue.
type QueueName struct{ Feed, Name string }

// DefaultQueue is the name of the queue that /queue/x means on feed x.
const DefaultQueue = "default"

// Queue is a group of competing consumers on a feed, as the store knows it.
type Queue struct {
	ID int64 // of the queue, never given again
	QueueName
	AckTimeout time.Duration // of its claims where neither message nor consumer names one; 0 for none
	Attempts   int           // after so many, an entry becomes a dead letter
	Waiting    int64         // entries not acked, those that a consumer has now included
	Paused     bool          // no consumer is handed anything
	Created    time.Time
}

// MostQueues is how many queues a feed may have: each entry of the feed is written once for each of
// them, in one commit, for which all publishers wait.
const MostQueues = 1000

// What a queue has that nobody configured.
const (
	DefaultAckTimeout = 30 * time.Minute
	DefaultAttempts   = 10
)

// The bounds of a queue's settings; an ack timeout is 0 beside that, for as long as a consumer likes.
const (
	ShortestAckTimeout = time.Millisecond
	LongestAckTimeout  = 365 * 24 * time.Hour
	MostAttempts       = 1_000_000
)

// QueueSettings are the properties of a queue that its owner chooses. A nil field is left as it is,
// or as its default in a queue that is new.
type QueueSettings struct {
	AckTimeout *time.Duration // 0, or ShortestAckTimeout to LongestAckTimeout
	Attempts   *int           // 1 to MostAttempts
	Paused     *bool
	// If is the queue as it must be, but for what waits in it: one without ID must not be there. nil takes any.
	If *Queue
}

// check returns a *SettingError for what is out of range.
func (s *QueueSettings) check() error {
	if t := s.AckTimeout; t != nil && *t != 0 && (*t < ShortestAckTimeout || *t > LongestAckTimeout) {
		return &SettingError{"an ack timeout is 1 ms to 365 days, or 0 for none"}
	}
	if n := s.Attempts; n != nil && (*n < 1 || *n > MostAttempts) {
		return &SettingError{"an entry is handed out 1 to 1,000,000 times"}
	}
	return nil
}

// IsAs reports whether it is the same queue with the same settings.
func (q *Queue) IsAs(other *Queue) bool {
	return q.ID == other.ID && q.AckTimeout == other.AckTimeout && q.Attempts == other.Attempts && q.Paused == other.Paused
}

// Place is where an entry stands in a queue: by rank, then by id.
type Place struct {
	Rank uint8 // 9 - priority
	ID   int64
}

// LeaseNode stands for a node in the claims that belong to none: leases. Each has a deadline, after
// which any node may release it.
const LeaseNode = -1

// Claim is an entry handed to one consumer of a queue. Node, Round and Attempt are its fence:
// whoever gets the entry after it has another of the three.
type Claim struct {
	Place
	Queue      int64
	Node       int64
	Round      int64         // of attempts: the id of the dead letter that brought the entry back, 0 for none
	Attempt    int           // 1 the first time, in each round
	Bytes      int64         // of the entry's XML
	AckTimeout time.Duration // that its publisher asked for; 0 for none
	Expires    time.Time     // zero for never
}

// Lease is a claim that belongs to no node, and who has to do with it.
type Lease struct {
	Claim
	QueueName
	Attempts int // of the queue
	Deadline time.Time
	Renewal  time.Duration // for how much longer it is renewed, where that is known
}

// Backlog says how it stands with the work of a queue.
type Backlog struct {
	Claimed int64     // handed out, and not settled
	Oldest  time.Time // when the oldest entry that nobody has was published or last edited; zero for none
}

// Order asks for work of a queue.
type Order struct {
	Node  int64
	Queue int64
	Count int // at least 1
	// Bytes ends the claims early: none is added once the bytes of those before pass it, so that the
	// first always is. 0 for no bound.
	Bytes int64
	// Lease, with LeaseNode, is how long the claims last from the commit's time on, where the
	// publisher named no ack timeout; otherwise 0.
	Lease time.Duration
	Feed  string // of the queue, for the Bus alone

	// Claims is set by the store: at most Count, the first ones waiting, by rank and id, as
	// everything before this op in the commit left them. Fewer than Count: no more is waiting, or
	// Bytes are passed, or the queue is paused, which hands out nothing. Entries past their Expires
	// are passed over; they are gone from the queue as if acked, counted in Expired. After thousands
	// of them the store may stop short, so that other ops need not wait: More says that something
	// may wait nevertheless.
	Claims  []Claim
	Expired int
	More    bool
}

// Full reports whether nothing is added to so many claims, of so many bytes together.
func (o *Order) Full(claims int, bytes int64) bool {
	return claims >= o.Count || o.Bytes > 0 && bytes > o.Bytes
}

// Verdict says what became of a claim.
type Verdict uint8

// The verdicts on a claim.
const (
	Acked    Verdict = iota + 1 // done: the entry leaves the queue
	Released                    // it waits in its place again, the attempt counted
	Returned                    // it waits in its place again, as if it had not been handed out
	Leased                      // it is a lease from now on, or one still, for another Settlement.Lease
)

// givesBack reports whether the entry waits again.
func (v Verdict) givesBack() bool { return v == Released || v == Returned }

// Settlement is a verdict on a claim.
type Settlement struct {
	Claim
	Lease   time.Duration // of Leased: how long, from the commit's time on
	Verdict Verdict
	// Gone is set by the store: the entry left its feed, which keeps entries until acked, with the
	// last queue's ack.
	Gone bool
	// Lost is set by the store where the verdict is Leased, or on a lease: the claim was not held
	// any more, and the verdict had no effect.
	Lost bool
}

// Purge asks for work to be removed that nobody has.
type Purge struct {
	Queue int64
	// If is this queue as it must be, but for what waits in it: ErrChanged otherwise, and nothing
	// is removed. nil takes any.
	If *Queue
	// Waiting is how many must wait in the queue, those that consumers have included: ErrCount
	// otherwise, and nothing is removed. nil takes any number.
	Waiting *int64
	// UpTo bounds the ids of the entries whose work is removed. A queue that is dropped stays with
	// what has higher ones, if there is any; there, 0 is for all.
	UpTo  int64
	After Place // what stands up to here stays
	Count int   // at most
	// Removed is set by the store, and Last to the place to go on from.
	Removed int
	Last    Place
}
