package db

import (
	"context"
	"errors"
	"testing"
)

// watching starts Watch and returns its hints, past the one at the start.
func watching(t *testing.T, s *Store) <-chan struct{} {
	t.Helper()
	cause := errors.New("test is over")
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	hints := make(chan struct{}, 100)
	ended := make(chan error)
	go func() { ended <- s.Watch(ctx, func() { hints <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel(cause)
		if err := <-ended; !errors.Is(err, cause) {
			t.Errorf("Watch ended with %v, want %v", err, cause)
		}
	})
	<-hints
	return hints
}

func TestWatchTellsOfOtherConnectionsAndNotOfItsOwn(t *testing.T) {
	s := openNew(t)
	other := openAt(t, sqliteOf(s).location.path)
	ours, theirs := watching(t, s), watching(t, other)
	mustCommit(t, s, publishing(t, "x", 1)...)
	<-theirs
	mustCommit(t, other, publishing(t, "x", 1)...)
	<-ours
	if n := len(ours); n != 0 {
		t.Errorf("%d hints more than the other store wrote", n)
	}
}

func TestWatchFindsWhatChangedTwoWritesAgo(t *testing.T) {
	s := openNew(t)
	other := openAt(t, sqliteOf(s).location.path)
	hints := watching(t, s)
	mustCommit(t, other, publishing(t, "theirs", 1)...)
	mustCommit(t, s, publishing(t, "ours", 1)...)
	<-hints
	names, head, more, err := s.Changed(t.Context(), 0, 10)
	if err != nil || more || head != 2 || len(names) != 2 {
		t.Errorf("Changed = %q, %d, %v, %v", names, head, more, err)
	}
}

// Another connection may have come to the same number of the state.
func TestWatchFindsWhatChangedWhileItsConnectionWasMadeAnew(t *testing.T) {
	s := openNew(t)
	other := openAt(t, sqliteOf(s).location.path)
	w := sqliteOf(s)
	anew := func(meanwhile func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if err := w.disconnect(); err != nil {
			t.Error(err)
		}
		meanwhile()
	}
	anew(func() {}) // so that it has seen as little of others as the next one
	hints := watching(t, s)
	anew(func() { mustCommit(t, other, publishing(t, "x", 1)...) })
	<-hints
}

func BenchmarkWatchLook(b *testing.B) {
	s := openNew(b)
	for b.Loop() {
		if _, err := sqliteOf(s).dataVersion(); err != nil {
			b.Fatal(err)
		}
	}
}
