package db

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"atommq/bus"
	"atommq/db/dbtest"
)

// sureOf has a store commit until it assumes what the next commit finds.
func sureOf(t *testing.T, s *Store, feed string) {
	t.Helper()
	for range 5 {
		if s.commit.assumed.sure {
			return
		}
		mustCommit(t, s, publishing(t, feed, 1)...)
	}
	t.Fatal("the store is never sure")
}

// waitingIn returns the ids of what waits in a queue.
func waitingIn(t *testing.T, s *Store, feed string) (ids []int64) {
	t.Helper()
	q, err := s.Queue(t.Context(), feed, bus.DefaultQueue)
	if err != nil {
		t.Fatal(err)
	}
	places, err := s.Waiting(t.Context(), q.ID, bus.Place{}, 100, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		ids = append(ids, p.ID)
	}
	return ids
}

// onBoth runs test on a file and on a server, with the check of what it leaves behind.
func onBoth(t *testing.T, test func(t *testing.T, dsn string, check func(t testing.TB, s *Store))) {
	t.Run("file", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "atommq.db"), checkAccounts) })
	t.Run("server", func(t *testing.T) { test(t, dbtest.Start(t, "fsync=off").Database(t), checkServerAccounts) })
}

func TestAQueueSeesEveryEntryFromThenOnWhoeverMadeIt(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string, check func(t testing.TB, s *Store)) {
		one, two := openAt(t, dsn), openAt(t, dsn)
		sureOf(t, one, "jobs")
		if _, err := two.ConfigureQueue(t.Context(), "jobs", bus.DefaultQueue, bus.QueueSettings{}); err != nil {
			t.Fatal(err)
		}
		ops := publishing(t, "jobs", 3)
		mustCommit(t, one, ops...)
		want := []int64{ops[0].Posts[0].Entry.ID, ops[1].Posts[0].Entry.ID, ops[2].Posts[0].Entry.ID}
		if got := waitingIn(t, one, "jobs"); !slices.Equal(got, want) {
			t.Errorf("%d wait, want %d", got, want)
		}
		check(t, one)
	})
}

func TestIdsFollowOnEachOtherWhoeverPublishes(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string, check func(t testing.TB, s *Store)) {
		one, two := openAt(t, dsn), openAt(t, dsn)
		sureOf(t, one, "x")
		sureOf(t, two, "x")
		head, err := one.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range []*Store{one, two, one, one, one, two, two, one, two} {
			op := publishing(t, "x", 1)[0]
			mustCommit(t, s, op)
			if head++; op.Posts[0].Entry.ID != head {
				t.Errorf("publish %d gets the id %d, want %d", i, op.Posts[0].Entry.ID, head)
			}
		}
		check(t, one)
	})
}

func TestWhatIsNotPublishedTakesNoID(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string, check func(t testing.TB, s *Store)) {
		s := openAt(t, dsn)
		sureOf(t, s, "x")
		keyed := publishing(t, "x", 1)[0]
		keyed.Posts[0].Key = "once"
		mustCommit(t, s, keyed)
		again := publishing(t, "x", 1)[0]
		again.Posts[0].Key = "once"
		fresh := publishing(t, "x", 1)[0]
		mustCommit(t, s, again, fresh)
		mustCommit(t, s, again)
		next := publishing(t, "x", 1)[0]
		mustCommit(t, s, next)
		first := keyed.Posts[0].Entry.ID
		if fresh.Posts[0].Entry.ID != first+1 || next.Posts[0].Entry.ID != first+2 {
			t.Errorf("after %d come %d and %d", first, fresh.Posts[0].Entry.ID, next.Posts[0].Entry.ID)
		}
		if head, err := s.Head(t.Context()); err != nil || head != first+2 {
			t.Errorf("the head is %d, want %d: %v", head, first+2, err)
		}
		check(t, s)
	})
}

func TestAFeedThatACommitDropsGetsItsQueueAnew(t *testing.T) {
	s := openAt(t, dbtest.Start(t, "fsync=off").Database(t))
	mustCommit(t, s, through(t, "jobs", 1)...)
	sureOf(t, s, "jobs")
	drop := &bus.Op{Kind: bus.OpDrop, Drop: "jobs", At: time.Now()}
	send := through(t, "jobs", 1)
	if err := s.Commit(t.Context(), slices.Values([][]*bus.Op{{drop}, send})); err != nil || drop.Err != nil || send[0].Err != nil {
		t.Fatal(err, drop.Err, send[0].Err)
	}
	if got := waitingIn(t, s, "jobs"); len(got) != 1 || got[0] != send[0].Posts[0].Entry.ID {
		t.Errorf("%d wait, want %d", got, send[0].Posts[0].Entry.ID)
	}
	checkServerAccounts(t, s)
}

// What is written out in a statement is data, whatever it looks like.
func TestTextsArriveAsTheyAre(t *testing.T) {
	s := openAt(t, dbtest.Start(t, "fsync=off").Database(t))
	for _, text := range []string{`'`, `''`, `\`, `\'`, `'; DROP TABLE atommq_entry; --`, `{"a",NULL}`, `$1 ? $$ /* */ "`, "é☃\t\n\r"} {
		op := publishing(t, "feed "+text, 1)[0]
		e := op.Posts[0].Entry
		e.Title, e.AtomID, e.XML = text, text, []byte(text)
		op.Posts[0].Key = text
		mustCommit(t, s, op)
		found, err := s.Find(t.Context(), "feed "+text, e.UUID)
		if err != nil || found.Title != text || found.AtomID != text || string(found.XML) != text {
			t.Errorf("%q arrives as %+v, %v", text, found, err)
		}
	}
	if _, err := appendLiteral(nil, "a\x00b"); stateOf(err) != notText {
		t.Errorf("a text with a NUL: %v", err)
	}
}
