package db

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"atommq/bus"
	"atommq/db/dbtest"
)

func TestTheClaimsOfANodeThatWasKilledGoToOthersInTenSeconds(t *testing.T) {
	url := dbtest.Start(t, "fsync=off").Database(t)
	s := openAt(t, url)
	node, err := s.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q, err := s.ConfigureQueue(t.Context(), "work", bus.DefaultQueue, bus.QueueSettings{})
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, through(t, "work", 60)...)
	holder := startHolder(t, url)
	own := claimed(t, s, node, q.ID, 100)
	if len(own) != 10 {
		t.Fatalf("%d claims beside those that the other node holds, want 10", len(own))
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	_ = holder.Wait() // it was killed
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	queues := recovered(t, s)
	for ; len(queues) == 0 && time.Since(killed) < 20*time.Second; queues = recovered(t, s) {
		<-look.C
	}
	took := time.Since(killed)
	if !slices.Equal(queues, []int64{q.ID}) || took > 10*time.Second {
		t.Errorf("Recover = %v after %v, want queue %d within 10 s", queues, took, q.ID)
	}
	if again := claimed(t, s, node, q.ID, 100); len(again) != 50 || again[0].Attempt != 2 {
		t.Errorf("%d claims came back, want the 50 that the other node held", len(again))
	}
	mustCommit(t, s, acking(own)...) // this node lived all the time
	checkServerAccounts(t, s)
}

// hinted starts Watch and returns its hints.
func hinted(t *testing.T, s *Store) <-chan time.Time {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	cause := errors.New("test is over")
	hints, ended := make(chan time.Time, 1000), make(chan error)
	go func() { ended <- s.Watch(ctx, func() { hints <- time.Now() }) }()
	t.Cleanup(func() {
		cancel(cause)
		if err := <-ended; !errors.Is(err, cause) {
			t.Errorf("Watch ended with %v, want %v", err, cause)
		}
	})
	<-hints // at the start
	<-hints // once it listens
	return hints
}

// awaitHint publishes through s and returns how long the next hint took.
func awaitHint(t *testing.T, s *Store, hints <-chan time.Time) time.Duration {
	t.Helper()
	for len(hints) > 0 {
		<-hints
	}
	mustCommit(t, s, publishing(t, "x", 1)...)
	committed := time.Now()
	return (<-hints).Sub(committed)
}

func TestServersTellOfCommitsByOthers(t *testing.T) {
	url := dbtest.Start(t, "fsync=off").Database(t)
	s, other := openAt(t, url), openAt(t, url)
	hints := hinted(t, s)
	var took []time.Duration
	for range 40 {
		took = append(took, awaitHint(t, other, hints))
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > lookInterval/5 {
		t.Errorf("half of the hints took longer than %v", median)
	}
	t.Logf("hints took %v, median %v, at most %v", took[0], took[len(took)/2], took[len(took)-1])
	began := time.Now()
	for len(hints) > 0 {
		<-hints
	}
	for range 50 {
		mustCommit(t, s, publishing(t, "x", 1)...)
	}
	if n, looks := len(hints), 1+int(time.Since(began)/lookInterval); n > looks {
		t.Errorf("%d hints for 50 commits of its own, want %d at most, of its looks without being told", n, looks)
	}
}

func TestALostNotificationIsMadeUpForInASecond(t *testing.T) {
	url := dbtest.Start(t, "fsync=off").Database(t)
	s, other := openAt(t, url), openAt(t, url)
	engine, deaf := other.writer.engine.(*postgres), s.writer.engine.(*postgres)
	engine.herald.name = deaf.herald.name // so that s takes it for its own
	hints := hinted(t, s)
	if took := awaitHint(t, other, hints); took > lookInterval+lookInterval/2 {
		t.Errorf("a look without being told came after %v", took)
	}
}
