package db

import (
	"path/filepath"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
)

// openAt opens the store in the file at path, for as long as the test runs.
func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func openNew(t testing.TB) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "atommq.db"))
}

func TestStoreKeepsThePromisesOfAStore(t *testing.T) {
	bustest.TestStore(t, func(t *testing.T) bus.Store { return openNew(t) })
}
