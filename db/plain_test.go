package db

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/db/dbtest"
)

// Most commits go to the server and back once, and leave what they would have left otherwise.
func TestPublishingToFeedsThatHaveNoQueueIsOneStatement(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	p := dbtest.NewProxy(t, cluster)
	s, other := openAt(t, p.URL(t, url)), openAt(t, url)
	sureOf(t, s, "x")
	mustCommit(t, s, append(publishing(t, "y", 1), publishing(t, `it's "a" feed, \\ and {}`, 1)...)...)
	mustCommit(t, other, publishing(t, "x", 7)...) // of which s does not know
	last, err := other.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	var sent []string
	p.Doom(func(query string) dbtest.Fate {
		if !strings.HasPrefix(query, "NOTIFY") { // on its own session, and for many commits
			sent = append(sent, query)
		}
		return dbtest.Pass
	})
	var ops []*bus.Op
	for i := range 30 {
		op := publishing(t, []string{"y", "x", `it's "a" feed, \\ and {}`, "x"}[i%4], 1)[0]
		e := op.Posts[0].Entry
		e.Title, e.XML = fmt.Sprint("title ", i%5), fmt.Appendf(nil, `<entry>%d 'of' "30" \\</entry>`, i)
		ops = append(ops, op)
	}
	mustCommit(t, s, ops...)
	p.Doom(nil)
	if !slices.Equal(sent, []string{pgText(publishPlain)}) {
		t.Errorf("sent %q, want one statement", sent)
	}
	for i, op := range ops {
		e := op.Posts[0].Entry
		if e.ID != last+1+int64(i) {
			t.Errorf("entry %d has the id %d, want %d", i+1, e.ID, last+1+int64(i))
		}
		found, err := other.Find(t.Context(), e.Feed, e.UUID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e.Member, found.Member); diff != "" {
			t.Errorf("entry %d, - as told, + as stored:\n%s", i+1, diff)
		}
	}
	checkServerAccounts(t, other)
}

// What the server is asked before an entry comes, though nothing comes of it, has begun a transaction.
func TestWhatIsPublishedBehindAnAckThatIsLostIsStored(t *testing.T) {
	t.Parallel()
	url := dbtest.Start(t, "fsync=off").Database(t)
	s, other := openAt(t, url), openAt(t, url)
	sureOf(t, s, "x")
	ack := acking([]bus.Claim{{Node: 99, Queue: 1, Place: bus.Place{ID: 1}}}) // of a node that was struck out
	post, next := publishing(t, "x", 1), publishing(t, "x", 1)
	if err := s.Commit(t.Context(), slices.Values([][]*bus.Op{ack, post})); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(ack[0].Err, bus.ErrClaimLost) {
		t.Errorf("the ack: %v, want %v", ack[0].Err, bus.ErrClaimLost)
	}
	mustCommit(t, s, next...)
	for _, op := range append(post, next...) {
		if _, err := other.Find(t.Context(), "x", op.Posts[0].Entry.UUID); err != nil {
			t.Errorf("entry %d, which was acknowledged: %v", op.Posts[0].Entry.ID, err)
		}
	}
	checkServerAccounts(t, other)
}

// Somebody emptied all tables, to begin anew.
func TestNothingIsAcknowledgedThatHasNoID(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string, _ func(t testing.TB, s *Store)) {
		s := openAt(t, dsn)
		sureOf(t, s, "x")
		mustCommit(t, s, publishing(t, "x", 1)...)
		for _, table := range []string{"atommq_log", "atommq_entry"} {
			if err := s.writer.write(t.Context(), func() error { return s.writer.exec("DELETE FROM " + table) }); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			err := s.Commit(t.Context(), slices.Values([][]*bus.Op{publishing(t, "x", 1)}))
			if !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "atommq_log") {
				t.Errorf("without a counter: %v", err)
			}
		}
	})
}
