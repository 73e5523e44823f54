package db

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
)

// keyed makes one op of n entries under one key.
func keyed(t *testing.T, key string, n int) *bus.Op {
	t.Helper()
	op := &bus.Op{Kind: bus.OpPublish, At: time.Now()}
	for i, single := range publishing(t, "x", n) {
		p := single.Posts[0]
		p.Key, p.Seq, p.Digest[0] = key, i, 1
		op.Posts = append(op.Posts, p)
	}
	return op
}

// ForgetKeys may stop in the middle of a unit.
func TestAHalfForgottenKeyIsForgotten(t *testing.T) {
	s := openNew(t)
	mustCommit(t, s, keyed(t, "k", 3))
	if n, err := s.ForgetKeys(t.Context(), time.Now().Add(time.Hour), 1); err != nil || n != 1 {
		t.Fatalf("ForgetKeys = %d, %v", n, err)
	}
	again := keyed(t, "k", 3)
	mustCommit(t, s, again)
	for i, p := range again.Posts {
		if p.Replayed || p.Entry.ID != int64(4+i) {
			t.Errorf("post %d: replayed %v, id %d", i, p.Replayed, p.Entry.ID)
		}
	}
	replayed := keyed(t, "k", 3)
	mustCommit(t, s, replayed)
	for i, p := range replayed.Posts {
		if !p.Replayed || p.Entry.ID != int64(4+i) {
			t.Errorf("post %d of the replay: replayed %v, id %d", i, p.Replayed, p.Entry.ID)
		}
	}
}

func TestAKeyUsedForFewerEntriesIsRefused(t *testing.T) {
	s := openNew(t)
	mustCommit(t, s, keyed(t, "k", 2))
	more := keyed(t, "k", 3)
	if err := s.Commit(t.Context(), bustest.Piece(more)); err != nil || !errors.Is(more.Err, bus.ErrKeyReused) {
		t.Errorf("Commit = %v, the op's error %v; want %v", err, more.Err, bus.ErrKeyReused)
	}
	if head, err := s.Head(t.Context()); err != nil || head != 2 {
		t.Errorf("head = %d, %v; want 2", head, err)
	}
}

func TestManyKeysAreFoundInOneCommit(t *testing.T) {
	s := openNew(t)
	batch := func() (ops []*bus.Op) {
		for i := range 333 {
			ops = append(ops, keyed(t, fmt.Sprint(i), 1))
		}
		return ops
	}
	first, second := batch(), batch()
	mustCommit(t, s, first...)
	mustCommit(t, s, second...)
	for i, op := range second {
		if p := op.Posts[0]; !p.Replayed || p.Entry.UUID != first[i].Posts[0].Entry.UUID {
			t.Errorf("op %d: replayed %v, %s", i, p.Replayed, p.Entry.UUID)
		}
	}
}
