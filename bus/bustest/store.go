package bustest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"atommq/bus"
	"atommq/feeds"
)

// promise is one of bus.Store's, and what checks it.
type promise struct {
	promise string
	check   func(t *testing.T, s *suite)
}

// atomPubPromises are those about media, drafts and what owners of feeds decide.
func atomPubPromises() []promise {
	return []promise{
		{"media come back chunk by chunk", testMedia},
		{"what is published in place of an entry has its media", testMediaOfLetters},
		{"a dead letter and its entry have their media apart", testSharedMedia},
		{"an upload becomes the media of one entry, once", testAdoption},
		{"other media give the entry a new id and keep its XML", testReplaceMedia},
		{"other media give the entry their trace", testTraceOfMedia},
		{"media go with their entry", testMediaGoes},
		{"an upload that nobody goes on with is swept", testSweepUploads},
		{"a key covers the media", testKeyedMedia},
		{"a draft is found by its uuid alone", testDraft},
		{"a draft is edited and removed without a trace", testEditedDraft},
		{"a draft that is published begins like any entry", testPublishedDraft},
		{"what is published is no draft again", testNoDraftAgain},
		{"a replay shows the draft", testReplayedDraft},
		{"what a feed takes and keeps is kept", testAtomPubSettings},
		{"settings change under a condition", testRevision},
		{"a feed is dropped under a condition", testDropCondition},
		{"feeds that do not keep everything are listed", testLimited},
		{"retention counts age, entries and bytes", testSurplus},
	}
}

// queuePromises are those about queues, claims and the nodes that hold them.
func queuePromises() []promise {
	return []promise{
		{"a queue has its defaults until it is configured", testQueueSettings},
		{"a queue's settings change only from those that were seen", testQueueCondition},
		{"queues are listed by feed and name", testQueueList},
		{"a queue gets the work published since it began", testQueueBeginning},
		{"a queue that begins within a commit gets what comes after", testQueueBeginningInCommit},
		{"a posting makes the queue that it was sent through", testPostingQueue},
		{"a refused or replayed posting makes no queue", testRefusedQueue},
		{"a replay makes no work", testReplayedWork},
		{"the first entry decides whether a feed keeps what was acked", testUntilAckedBirth},
		{"what waits is paged in the order of claims", testWaiting},
		{"what waits is paged by bytes, too", testWaitingBytes},
		{"entries are fetched by id", testFetch},
		{"claims follow rank, then id", testClaimOrder},
		{"an entry is handed out once in each queue", testClaimOnce},
		{"a claim says what the publisher asked for", testClaimFidelity},
		{"a claim sees what came before it in the commit", testClaimInCommit},
		{"what a commit publishes and claims stands where it would if it had waited", testClaimOfThePublished},
		{"a claim ends once its bytes are passed, and takes nothing that it does not hand out", testClaimBytes},
		{"a feed has no more queues than it may", testMostQueues},
		{"a posting that would make a queue too many is refused, and dead letters find their way", testMostQueuesOfPostings},
		{"a claim sees edits before it in the commit", testClaimAfterEdits},
		{"queues are known by id until they are dropped", testKnown},
		{"expired work is passed over and counted", testExpired},
		{"expired work counts as acked in a feed that keeps until then", testExpiredUntilAcked},
		{"work does not expire while it is claimed", testClaimedMayExpire},
		{"a large backlog is claimed and acked whole", testBacklog},
		{"a commit works on as many queues as it likes", testManyQueues},
		{"claimers never share an entry and together get all", testConcurrentClaims},
		{"released work keeps its place and its attempts", testRelease},
		{"returned work counts as never handed out", testReturn},
		{"acked work leaves the queue", testAck},
		{"an entry kept until acked leaves with the last queue's ack", testUntilAcked},
		{"a change of the setting spares what was acked before", testUntilAckedLater},
		{"acks of several queues in one op see each other", testAcksTogether},
		{"posts and settlements stand or fall together", testSettleAtomic},
		{"a claim that is no longer the newest settles nothing", testStaleClaim},
		{"an edit gives the remaining work a new id and a new start", testEditedWork},
		{"a removal takes the entry's work", testRemovedWork},
		{"pruning takes the work of what it removes", testPrunedWork},
		{"a dropped feed takes its entries, queues and work", testDrop},
		{"a feed can begin again in the commit that drops it", testDropInCommit},
		{"every node has a number of its own", testJoin},
		{"a node that nobody knows claims and settles nothing", testUnknownNode},
		{"a node that leaves gives its claims back", testLeave},
		{"a node that leaves gives thousands of claims back", testLeaveMany},
		{"a queue that is opened is found or begins", testOpen},
		{"a posting in place of a settlement shares its fate", testInPlaceOf},
		{"the claims of a dead node are recovered", testRecover},
		{"a node lives from Join until it leaves or dies", testLiving},
		{"queues that got work back are told", testStirred},
		{"a lease belongs to no node and has a deadline", testLease},
		{"a claim becomes a lease, and a lease goes on", testLeaseOfClaim},
		{"a lease survives its node", testLeaseSurvives},
		{"a verdict on a lease that was lost says so", testLeaseLost},
		{"of many leases, those lost are told from the others", testLeasesManyApart},
		{"the secret of leases stays", testSecret},
		{"a paused queue hands out nothing and takes acks", testPause},
		{"a queue tells what was handed out and how old the rest is", testBacklogOf},
		{"a purge takes what nobody has, up to an id", testPurge},
		{"what is purged counts as acked", testPurgeUntilAcked},
		{"a dropped queue takes its work alone", testDropQueue},
		{"a drop takes nothing that was not counted", testDropQueueCounted},
		{"a drop that is about the work up to an id leaves the rest", testDropQueueUpTo},
		{"a dead letter goes back to its queue alone", testRequeue},
		{"what is sent back is the entry as it was edited to be", testRequeueEdited},
		{"nothing is sent back twice", testRequeueOnce},
		{"what is sent back is not what it was", testRequeueFence},
		{"a dead letter makes its feed and queue anew", testRequeueAnew},
	}
}

// TestStore checks that the stores which open returns keep the promises of bus.Store.
// Each call of open gives a new, empty store, closed by the test's cleanup.
func TestStore(t *testing.T, open func(t *testing.T) bus.Store) {
	tests := []promise{
		{"an empty store has no head, feeds or entries", testEmpty},
		{"ids rise by one in the order of the ops", testOrder},
		{"the pieces of a commit are one commit", testPieces},
		{"an entry comes back as it was published", testFidelity},
		{"entries of one commit come back each as it was published", testFidelityTogether},
		{"times left out are those of the commit", testTimes},
		{"pages end at their bounds in both directions", testPages},
		{"a page ends once its bytes are passed", testPageBytes},
		{"an outline has everything but the XML", testOutline},
		{"an edit gives a new id and keeps uuid, atom:id and published", testReplace},
		{"a removal leaves a tombstone at the head", testRemove},
		{"an edit under a condition loses to an earlier one", testConditions},
		{"an append-only feed refuses edits", testAppendOnly},
		{"an op that breaks a rule changes nothing and hinders no other", testRefusals},
		{"a key answers with the first entries, and other bytes with an error", testKeys},
		{"a key counts within the commit that brings it", testKeysInOneCommit},
		{"a replay shows the entry as it is now", testReplayAfterEdits},
		{"keys are forgotten after their time", testForgetKeys},
		{"counts follow every change", testCounts},
		{"a feed's time of change never falls", testUpdated},
		{"feeds are listed by name, both ways", testFeeds},
		{"names that differ in a byte are different feeds", testNames},
		{"settings change alone and make the feed", testConfigure},
		{"no id is given again, whatever is removed", testIDsAreGivenOnce},
		{"pruning takes the oldest, remembers it, and keeps the head", testPrune},
		{"changed feeds are named", testChanged},
		{"a call ends with the cause of its context", testContext},
		{"a large commit is one commit", testLargeCommit},
		{"a prefix reads the feeds that begin with it, in one order of ids", testPrefix},
		{"a store that takes writes is ready", testReady},
		{"a store knows when it was made", testMade},
		{"what there is, is counted", testTotals},
		{"the longest queues come first", testLongest},
		{"any history reads as the model says", testModel},
		{"readers see ids in order while writers commit", testConcurrent},
	}
	for _, test := range slices.Concat(tests, queuePromises(), atomPubPromises(), accessPromises()) {
		t.Run(strings.ReplaceAll(test.promise, " ", "_"), func(t *testing.T) {
			test.check(t, &suite{TB: t, Store: open(t), at: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)})
		})
	}
}

// Piece makes one piece of ops, for bus.Log's Commit.
func Piece(ops ...*bus.Op) iter.Seq[[]*bus.Op] {
	return func(yield func([]*bus.Op) bool) { yield(ops) }
}

// suite is a store under test.
type suite struct {
	testing.TB
	bus.Store
	at time.Time // of the last commit
}

// entry makes an entry for feed as the bus does.
func entry(feed, title string) *bus.Entry {
	return &bus.Entry{Member: feeds.Member{
		Feed:   feed,
		UUID:   uuid.Must(uuid.NewV7()).String(),
		Title:  title,
		Absent: feeds.PartID | feeds.PartUpdated | feeds.PartPublished | feeds.PartAuthor,
		XML:    []byte(`<entry xmlns="http://www.w3.org/2005/Atom"><title>` + title + `</title></entry>`),
	}}
}

func publishing(entries ...*bus.Entry) *bus.Op {
	op := &bus.Op{Kind: bus.OpPublish}
	for _, e := range entries {
		op.Posts = append(op.Posts, bus.Posting{Entry: e})
	}
	return op
}

func keyed(key string, digest byte, entries ...*bus.Entry) *bus.Op {
	op := publishing(entries...)
	for i := range op.Posts {
		op.Posts[i].Key, op.Posts[i].Seq, op.Posts[i].Digest = key, i, [32]byte{digest}
	}
	return op
}

func replacing(old *bus.Entry, title string, ifID int64) *bus.Op {
	e := entry(old.Feed, title)
	e.UUID = old.UUID
	return &bus.Op{Kind: bus.OpReplace, IfID: ifID, Posts: []bus.Posting{{Entry: e}}}
}

func removing(old *bus.Entry, ifID int64) *bus.Op {
	e := &bus.Entry{Member: feeds.Member{Feed: old.Feed, UUID: old.UUID}}
	return &bus.Op{Kind: bus.OpRemove, IfID: ifID, Posts: []bus.Posting{{Entry: e}}}
}

// commit commits ops a second after the commit before.
func (s *suite) commit(ops ...*bus.Op) {
	s.Helper()
	s.commitBy(len(ops), ops)
}

// commitBy does so in pieces of size ops.
func (s *suite) commitBy(size int, ops []*bus.Op) {
	s.Helper()
	s.at = s.at.Add(time.Second)
	for _, op := range ops {
		op.At = s.at
	}
	if err := s.Commit(context.Background(), slices.Chunk(ops, size)); err != nil {
		s.Fatalf("Commit: %v", err)
	}
}

// must commits ops, none of which may be refused.
func (s *suite) must(ops ...*bus.Op) {
	s.Helper()
	s.commit(ops...)
	for i, op := range ops {
		if op.Err != nil {
			s.Fatalf("op %d: %v", i, op.Err)
		}
	}
}

// refused commits op, which must be refused with want.
func (s *suite) refused(op *bus.Op, want error) {
	s.Helper()
	s.commit(op)
	s.wantErr(op, want)
}

func (s *suite) read(q bus.Query) []*bus.Entry {
	s.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	page, err := s.Read(context.Background(), q)
	if err != nil {
		s.Fatalf("Read(%+v): %v", q, err)
	}
	return page
}

// wantTitles checks the titles on a page.
func (s *suite) wantTitles(q bus.Query, want ...string) {
	s.Helper()
	var got []string
	for _, e := range s.read(q) {
		title := e.Title
		if e.Deleted {
			title = "†"
		}
		got = append(got, title)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Fatalf("Read(%+v) (-want +got):\n%s", q, diff)
	}
}

func (s *suite) feed(name string) *bus.Feed {
	s.Helper()
	f, err := s.Feed(context.Background(), name)
	if err != nil {
		s.Fatalf("Feed(%q): %v", name, err)
	}
	return f
}

func (s *suite) head() int64 {
	s.Helper()
	head, err := s.Head(context.Background())
	if err != nil {
		s.Fatalf("Head: %v", err)
	}
	return head
}

func (s *suite) find(feed, uuid string) *bus.Entry {
	s.Helper()
	e, err := s.Find(context.Background(), feed, uuid)
	if err != nil {
		s.Fatalf("Find(%q, %q): %v", feed, uuid, err)
	}
	return e
}

// wantMember checks that the store has e as want says.
func (s *suite) wantMember(want feeds.Member, e *bus.Entry) {
	s.Helper()
	if diff := cmp.Diff(want, e.Member, bytewise); diff != "" {
		s.Fatalf("entry (-want +got):\n%s", diff)
	}
}

// bytewise compares contents whole: a byte at a time takes seconds.
var bytewise = cmp.Comparer(bytes.Equal)

// series publishes n entries, titled 1 to n, into feed, in one op.
func (s *suite) series(feed string, n int) []*bus.Entry {
	s.Helper()
	var list []*bus.Entry
	for i := range n {
		list = append(list, entry(feed, fmt.Sprint(i+1)))
	}
	s.must(publishing(list...))
	return list
}

func ids(entries []*bus.Entry) []int64 {
	out := make([]int64, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.ID)
	}
	return out
}
