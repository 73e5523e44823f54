package db

import (
	"errors"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/db/dbtest"
)

// One node publishes while another drops the queue, again and again, by the number that it reads.
func TestADropOnOneNodeTakesNothingThatAnotherPublishedUncounted(t *testing.T) {
	dsn := dbtest.Start(t, "fsync=off").Database(t)
	a, b := openAt(t, dsn), openAt(t, dsn)
	const sent = 300
	ops, done := through(t, "work", sent), make(chan struct{})
	go func() {
		defer close(done)
		for _, op := range ops {
			if err := a.Commit(t.Context(), bustest.Piece(op)); err != nil || op.Err != nil {
				t.Error(err, op.Err)
			}
		}
	}()
	counted, refused := int64(0), 0
	for over := false; !over; {
		select {
		case <-done:
			over = true // once more, for what is left
		default:
		}
		q, err := b.Queue(t.Context(), "work", bus.DefaultQueue)
		if errors.Is(err, bus.ErrNoQueue) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		drop := &bus.Op{Kind: bus.OpDropQueue, At: time.Now(), Purge: &bus.Purge{Queue: q.ID, Waiting: &q.Waiting}}
		switch err := errors.Join(b.Commit(t.Context(), bustest.Piece(drop)), drop.Err); {
		case err == nil:
			counted += q.Waiting
		case errors.Is(err, bus.ErrCount):
			refused++
		default:
			t.Fatal(err)
		}
	}
	if counted != sent {
		t.Errorf("drops that counted %d removed %d; %d were refused", counted, sent, refused)
	}
}
