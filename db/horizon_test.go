package db

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"

	"atommq/bus"
	"atommq/db/dbtest"
)

// Nodes that knew more than the standby which took over need no restart: the ids they know are
// given by none, and what they have goes back to its queues.
func TestNodesTakeAccountOfWhatAStandbyHasLost(t *testing.T) {
	t.Parallel()
	primary := dbtest.Start(t, "fsync=off")
	standby := dbtest.StartStandby(t, primary)
	url := primary.Either(t, standby, primary.Database(t))
	idle, busy := openAt(t, url), openAt(t, url)
	var mu sync.Mutex
	nodes := make(map[int64]bool) // that are not lost
	for _, s := range []*Store{idle, busy} {
		node, err := s.Join(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		nodes[node] = true
		s.OnLoss(func(node int64) {
			mu.Lock()
			defer mu.Unlock()
			delete(nodes, node)
		})
		if s == busy {
			mustCommit(t, busy, through(t, "x", 3)...)
			q, err := busy.Queue(t.Context(), "x", bus.DefaultQueue)
			if err != nil {
				t.Fatal(err)
			}
			primary.Detach(t, standby)
			mustCommit(t, busy, claiming(node, q.ID, 1)) // which gives no id
		}
	}
	mustCommit(t, openAt(t, url), publishing(t, "x", 2)...)
	head := mustLook(t, idle, 0)
	primary.Stop(t)
	standby.Promote(t)

	if got := mustLook(t, idle, head); got >= head {
		t.Fatalf("the standby has %d, and should lack %d", got, head)
	}
	op := publishing(t, "x", 1)[0]
	mustCommit(t, busy, op)
	if id := op.Posts[0].Entry.ID; id <= head {
		t.Errorf("a node that knew of none of it gives %d, and readers are at %d", id, head)
	}
	mustLook(t, busy, head)
	mu.Lock()
	defer mu.Unlock()
	if len(nodes) > 0 {
		t.Errorf("what nodes %v have is not handed out again", nodes)
	}
}

func TestARestartOfTheServerIsNotTakenForALoss(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	var log bytes.Buffer
	s, err := Open(t.Context(), cluster.Database(t), Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		mustCommit(t, s, publishing(t, "x", 2)...)
		mustLook(t, s, 0)
		cluster.Stop(t)
		cluster.Run(t)
		mustLook(t, s, 0)
	}
	if err := s.Close(); err != nil || log.Len() > 0 {
		t.Errorf("%v: %s", err, &log)
	}
}

// mustLook has a store look what came after an id, and returns the newest one.
func mustLook(t *testing.T, s *Store, after int64) (head int64) {
	t.Helper()
	_, head, _, err := s.Changed(t.Context(), after, 10)
	for range 5 {
		if !passing(err) { // which the watcher has look again
			break
		}
		_, head, _, err = s.Changed(t.Context(), after, 10)
	}
	if err != nil {
		t.Fatal(err)
	}
	return head
}
