package bus

import (
	"errors"
	"sync/atomic"
	"time"
)

// Stats is what the bus of this node did since Open, and how it stands now. What counts only rises.
type Stats struct {
	Head     int64 // newest id that the node has seen
	Entries  int64 // published here, edits included
	Bytes    int64 // of their XML
	Replayed int64 // entries that an idempotency key had published before

	// Refused is what was to be published and was not, by what kept it: see Cause.
	Refused map[string]int64

	CommitSeconds Histogram // how long commits took, the sync of the disk included
	CommitSizes   Histogram // entries, edits and settlements in each
	CommitsFailed int64
	Waiting       int // ops that wait for the next commit

	Claimed     int64 // entries handed out by queues, to STOMP's consumers and over HTTP
	Acked       int64
	GivenBack   int64 // nacked, timed out, or returned by who left
	DeadLetters int64
	Consumers   int // of queues, on this node

	Pruned  int64 // entries and tombstones that retention removed, or somebody by hand
	Expired int64 // entries that no queue handed out in time
	Left    int64 // entries that left their feeds because they were acked

	Looks     int64 // at what other processes may have written
	Followed  int   // feeds that somebody follows
	CacheSize int   // bytes of recent entries
}

// The bounds of the histograms.
var (
	commitTimes = []int64{ // in microseconds
		100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
	}
	commitSizes = []int64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048}
)

// stats is what Stats is read from. The committer writes it once for each commit.
type stats struct {
	entries, bytes, replayed      atomic.Int64
	refused                       [len(causes) + 1]atomic.Int64
	times, sizes                  *Buckets
	failed                        atomic.Int64
	claimed, acked, back, letters atomic.Int64
	pruned, expired, left, looks  atomic.Int64
}

func newStats() *stats {
	return &stats{times: NewBuckets(commitTimes...), sizes: NewBuckets(commitSizes...)}
}

// causes are what keeps entries from being published, and what it is called.
var causes = [...]struct {
	err  error
	name string
}{
	{ErrKeyReused, "key_reused"},
	{ErrTooLarge, "too_large"},
	{ErrAppendOnly, "append_only"},
	{ErrChanged, "changed"},
	{ErrNoEntry, "no_entry"},
	{ErrDeleted, "deleted"},
	{ErrNoMedia, "no_media"},
	{ErrClaimLost, "claim_lost"},
	{ErrClosed, "closed"},
	{ErrFull, "full"},
	{ErrReadOnly, "read_only"},
	{ErrUncertain, "uncertain"}, // which is an ErrUnavailable, too
	{ErrUnavailable, "unavailable"},
}

// otherCause is what the rest is called.
const otherCause = "other"

// Causes lists the keys of Stats.Refused.
func Causes() []string {
	var names []string
	for _, c := range causes {
		names = append(names, c.name)
	}
	return append(names, otherCause)
}

// refuse counts n entries that were not published because of err.
func (s *stats) refuse(err error, n int) {
	if n == 0 {
		return
	}
	for i := range causes {
		if errors.Is(err, causes[i].err) {
			s.refused[i].Add(int64(n))
			return
		}
	}
	s.refused[len(causes)].Add(int64(n))
}

// tally sums up a commit, so that what is shared is written once.
type tally struct {
	entries, bytes, replayed, claimed, acked, back, expired, left int64
	size                                                          int64
}

// count takes note of a commit, or of one that failed with err.
func (s *stats) count(m *batch, err error, took time.Duration) {
	var sum tally
	for _, op := range m.ops {
		sum.size += int64(len(op.Posts) + len(op.Settle))
		switch {
		case err != nil:
			s.refuse(err, op.own())
		case op.Err != nil:
			s.refuse(op.Err, op.own())
		default:
			sum.add(op)
		}
	}
	if err != nil {
		s.failed.Add(1)
		return
	}
	s.times.Note(took.Microseconds())
	s.sizes.Note(sum.size)
	s.take(&sum)
}

// own counts the postings of op that somebody makes who waits for them: no dead letters.
func (op *Op) own() int {
	n := 0
	for i := range op.Posts {
		if op.Posts[i].InPlaceOf == 0 {
			n++
		}
	}
	return n
}

// add takes an op that was done.
func (t *tally) add(op *Op) {
	for i := range op.Posts {
		p := &op.Posts[i]
		if p.InPlaceOf > 0 && !op.Settle[p.InPlaceOf-1].Lost { // a dead letter: nobody acknowledged it
			t.acked--
		}
		switch {
		case p.Replayed:
			t.replayed++
		case p.Entry.ID > 0 && op.Kind != OpRemove:
			t.entries++
			t.bytes += int64(len(p.Entry.XML))
		}
	}
	for i := range op.Settle {
		switch s := &op.Settle[i]; {
		case s.Lost, s.Verdict == Leased, op.Kind == OpRequeue:
		case s.Verdict == Acked:
			t.acked++
		default:
			t.back++
		}
		if op.Settle[i].Gone {
			t.left++
		}
	}
	t.claimed += int64(len(op.Order.Claims))
	t.expired += int64(op.Order.Expired)
}

func (s *stats) take(t *tally) {
	for _, n := range [...]struct {
		to    *atomic.Int64
		count int64
	}{
		{&s.entries, t.entries}, {&s.bytes, t.bytes}, {&s.replayed, t.replayed}, {&s.claimed, t.claimed},
		{&s.acked, t.acked}, {&s.back, t.back}, {&s.expired, t.expired}, {&s.left, t.left},
	} {
		if n.count > 0 {
			n.to.Add(n.count)
		}
	}
}

// Stats tells what the bus has done and how it stands.
func (b *Bus) Stats() Stats {
	s := b.stats
	out := Stats{
		Head: b.Head(), Entries: s.entries.Load(), Bytes: s.bytes.Load(), Replayed: s.replayed.Load(),
		Refused:       make(map[string]int64),
		CommitSeconds: s.times.Read(1e6), CommitSizes: s.sizes.Read(1), CommitsFailed: s.failed.Load(),
		Waiting: b.intake.length(),
		Claimed: s.claimed.Load(), Acked: s.acked.Load(), GivenBack: s.back.Load(), DeadLetters: s.letters.Load(),
		Pruned: s.pruned.Load(), Expired: s.expired.Load(), Left: s.left.Load(), Looks: s.looks.Load(),
	}
	for i, name := range Causes() {
		out.Refused[name] += s.refused[i].Load()
	}
	consumers, recent := b.desk.size()
	out.Consumers = consumers
	out.Followed, out.CacheSize = b.hub.size()
	out.CacheSize += recent
	return out
}

// size returns how many consumers there are, and what the entries take that are kept for them, in bytes.
func (d *desk) size() (consumers, recent int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.consumers, d.recent.bytes
}

// size returns how many feeds are followed one by one, and what recent entries take.
func (h *hub) size() (followed, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.tails) - h.idle, h.bytes
}
