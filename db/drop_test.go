package db

import (
	"strings"
	"sync/atomic"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/db/dbtest"
)

func TestWorkThatComesBackWhileItsFeedIsDroppedGoesWithIt(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off", "deadlock_timeout=1h")
	url := cluster.Database(t)
	p := dbtest.NewProxy(t, cluster)
	s, other := openAt(t, p.URL(t, url)), openAt(t, url)
	node, q := joined(t, s)
	mustCommit(t, s, through(t, "work", 1)...)
	release := acking(claimed(t, s, node, q, 1))
	release[0].Settle[0].Verdict = bus.Released

	dropped := make(chan error, 1)
	var begun atomic.Bool
	p.Doom(func(query string) dbtest.Fate {
		if strings.HasSuffix(query, "COMMIT;") && begun.CompareAndSwap(false, true) { // by now, the work is back
			go func() { dropped <- other.Commit(t.Context(), bustest.Piece(&bus.Op{Kind: bus.OpDrop, Drop: "work"})) }()
			awaitLock(t, other)
		}
		return dbtest.Pass
	})
	mustCommit(t, s, release...)
	if err := <-dropped; err != nil {
		t.Fatal(err)
	}
	var left int
	if err := other.reader.DB.GetContext(t.Context(), &left, "SELECT count(*) FROM atommq_ready"); err != nil || left > 0 {
		t.Errorf("%d rows of work are left of a feed that is not there, %v", left, err)
	}
}

// awaitLock returns once a session waits for another one.
func awaitLock(t *testing.T, s *Store) {
	for waits := false; !waits; {
		if err := s.reader.DB.GetContext(t.Context(), &waits, "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)"); err != nil {
			t.Error(err)
			return
		}
	}
}
