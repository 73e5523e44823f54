package db

import (
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
)

// openAt opens the store in the file at path, for as long as the test runs.
func openAt(t testing.TB, dsn string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dsn, Config{})
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

// sqliteOf returns the engine of a store in a file.
func sqliteOf(s *Store) *sqlite { return s.writer.engine.(*sqlite) }

func openNew(t testing.TB) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "atommq.db"))
}

// lockless lets go of a node's lock, as the kernel does when its process dies.
type lockless struct {
	*Store
	t testing.TB
}

func (s lockless) Die(node int64) {
	if err := s.nodes.(*nodeLocks).release(node); err != nil {
		s.t.Error(err)
	}
}

func TestStoreKeepsThePromisesOfAStore(t *testing.T) {
	bustest.TestStore(t, func(t *testing.T) bus.Store { return lockless{openNew(t), t} })
}

func TestAStoreMayBeClosedAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string, _ func(testing.TB, *Store)) {
		s := openAt(t, dsn) // which closes it once more
		mustCommit(t, s, publishing(t, "x", 1)...)
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func mustCommit(t testing.TB, s *Store, ops ...*bus.Op) {
	t.Helper()
	if err := s.Commit(t.Context(), bustest.Piece(ops...)); err != nil {
		t.Fatal(err)
	}
	for i, op := range ops {
		if op.Err != nil {
			t.Fatalf("op %d: %v", i, op.Err)
		}
	}
}

// sqlExec runs query on the writing connection.
func sqlExec(t testing.TB, s *Store, query string) {
	t.Helper()
	sqliteOf(s).mu.Lock()
	defer sqliteOf(s).mu.Unlock()
	if err := s.writer.exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// writerText returns what query, run on the writing connection, finds first.
func writerText(t testing.TB, s *Store, query string) (text string) {
	t.Helper()
	sqliteOf(s).mu.Lock()
	defer sqliteOf(s).mu.Unlock()
	if err := s.writer.query(query, nil, func(v []driver.Value) { text = fmt.Sprint(v[0]) }); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

// checkAccounts compares what the feeds' and the queues' rows say with a count of the entries and the work.
func checkAccounts(t testing.TB, s *Store) {
	t.Helper()
	var wrong []string
	err := s.reader.SelectContext(t.Context(), &wrong, `
		SELECT printf('queue %d: waiting %d, counted %d', id, waiting, work) FROM (SELECT q.id, `+waits+` AS waiting,
			(SELECT count(*) FROM atommq_ready WHERE queue = q.id) + (SELECT count(*) FROM atommq_claim WHERE queue = q.id) AS work
			`+fromQueues+`) WHERE waiting <> work
		UNION ALL
		SELECT printf('work %d of queue %d has no entry of %d bytes', w.id, w.queue, w.bytes)
		FROM (SELECT queue, id, bytes FROM atommq_ready UNION ALL SELECT queue, id, bytes FROM atommq_claim) AS w
		LEFT JOIN atommq_queue AS q ON q.id = w.queue LEFT JOIN atommq_entry AS e ON e.id = w.id
		WHERE e.feed IS NOT q.feed OR octet_length(e.xml) <> w.bytes OR e.deleted
		UNION ALL
		SELECT printf('%s: entries %d, counted %d; bytes %d, counted %d; last_id %d, newest %d', name, entries, live, bytes, size, last_id, newest)
		FROM (SELECT name, entries, bytes, last_id, pruned_id, until_acked,
			(SELECT count(*) FROM atommq_entry WHERE feed = name AND NOT deleted) AS live,
			(SELECT coalesce(sum(octet_length(xml)), 0) FROM atommq_entry WHERE feed = name) AS size,
			(SELECT coalesce(max(id), pruned_id) FROM atommq_entry WHERE feed = name) AS newest
			FROM atommq_feed)
		WHERE entries <> live OR bytes <> size OR last_id < newest OR (last_id > newest AND until_acked IS NOT 1)`)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}
