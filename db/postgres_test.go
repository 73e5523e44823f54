package db

import (
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/db/dbtest"
)

// openServerAt opens the store that url names, for as long as the test runs.
func openServerAt(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, Config{})
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

// mortal lets a node's sign of life grow old.
type mortal struct {
	*Store
	t testing.TB
}

func (m mortal) Die(node int64) {
	if err := m.nodes.release(node); err != nil {
		m.t.Error(err)
	}
	err := m.writer.write(m.t.Context(), func() error {
		return m.writer.exec("UPDATE atommq_node SET seen = seen - 9000000 WHERE id = ?", node)
	})
	if err != nil {
		m.t.Error(err)
	}
}

func TestPostgresKeepsThePromisesOfAStore(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off", "max_connections=40")
	bustest.TestStore(t, func(t *testing.T) bus.Store { return mortal{openServerAt(t, cluster.Database(t)), t} })
}
