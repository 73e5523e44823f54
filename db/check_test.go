package db

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"atommq/bus"
	"atommq/db/dbtest"
)

// faultsOf returns a line for each fault that a check finds.
func faultsOf(t *testing.T, dsn string) (lines []string) {
	t.Helper()
	n, err := (&Check{DSN: dsn, Found: func(f Fault) {
		lines = append(lines, f.Kind+": "+f.What)
		if f.Do == "" || strings.Contains(f.What+f.Do, "%!") {
			t.Errorf("%+v does not say what to do", f)
		}
	}}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n != len(lines) {
		t.Errorf("%d faults are counted, and %d told of", n, len(lines))
	}
	return lines
}

// What reading makes beside a file that nobody works on, it removes; what others have there, it leaves.
func TestACheckLeavesNothingBesideAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus.db")
	beside := func() []string {
		t.Helper()
		names, err := filepath.Glob(path + "-[ws]*")
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	s, err := Open(t.Context(), path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	furnish(t, s)
	if faults := faultsOf(t, path); len(faults) > 0 || len(beside()) != 2 {
		t.Errorf("a check beside others finds %q, and leaves %q", faults, beside())
	}
	mustCommit(t, s, publishing(t, "news", 1)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also where one has left something
		if faults := faultsOf(t, path); len(faults) > 0 || len(beside()) > 0 {
			t.Errorf("a check finds %q, and leaves %q", faults, beside())
		}
		pool, err := OpenFile(path)
		if err == nil {
			_, err = pool.ExecContext(t.Context(), "SELECT 1 FROM sqlite_schema")
		}
		if err := errors.Join(err, pool.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if len(beside()) == 0 {
		t.Error("reading leaves nothing by itself: this test shows nothing")
	}
}

// furnish gives a store a bit of everything.
func furnish(t *testing.T, s *Store) {
	t.Helper()
	mustCommit(t, s, through(t, "work", 5)...) // ids 1 to 5, queue 1
	keyed := publishing(t, "news", 3)          // 6 to 8
	keyed[0].Posts[0].Key, keyed[0].Posts[0].Digest = "key", [32]byte{1}
	mustCommit(t, s, keyed...)
	node, err := s.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, claiming(node, 1, 2))
	staged, err := s.Stage(t.Context(), 0, 0, make([]byte, bus.MediaChunk), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stage(t.Context(), staged, 1, []byte("end"), time.Now()); err != nil {
		t.Fatal(err)
	}
	file := publishing(t, "files", 1)[0] // 9
	file.Media = &bus.Media{ID: staged, Type: "image/png", Size: bus.MediaChunk + 3, Digest: sha256.Sum256(append(make([]byte, bus.MediaChunk), "end"...))}
	mustCommit(t, s, file)
	gone := publishing(t, "news", 1)[0] // 10, and 11 its tombstone
	mustCommit(t, s, gone)
	mustCommit(t, s, &bus.Op{Kind: bus.OpRemove, At: time.Now(), Posts: []bus.Posting{{Entry: gone.Posts[0].Entry}}})
}

// broken are ways to break a furnished database, each with the faults that show.
var broken = []struct {
	how   string
	want  []string
	whole bool // --repair mends it
}{
	{how: "UPDATE atommq_feed SET last_id = 12 WHERE name = 'news'", want: []string{`ids: feed "news" has given the id 12`}, whole: true},
	{how: "DELETE FROM atommq_log", want: []string{"ids: the counter of ids has 0 rows"}},
	{how: "UPDATE atommq_entry SET id = -5 WHERE id = 6", want: []string{`ids: entry -5 of feed "news" has an id below 1`}},
	{how: "UPDATE atommq_key SET id = 1000", want: []string{`ids: the idempotency key "key" of feed "news" is that of entry 1000`}},
	{how: "INSERT INTO atommq_draft SELECT uuid, feed, title, '', 0, 0, 0, 0, 0, xml FROM atommq_entry WHERE id = 6", want: []string{`is both an entry and a draft of feed "news"`}},
	{how: "DELETE FROM atommq_feed WHERE name = 'news'", want: []string{`feeds: feed "news" is not there, and has entries: 4`}},
	{how: "INSERT INTO atommq_setting (feed) VALUES ('none')", want: []string{`feeds: feed "none" is not there, and has drafts, settings or queues: 1`}},
	{how: "UPDATE atommq_feed SET entries = 7, bytes = 1 WHERE name = 'news'", want: []string{`counters: feed "news" counts its entries as 7 and has 3, and their bytes as 1 and has 600`}, whole: true},
	{how: "UPDATE atommq_feed SET last_id = 2 WHERE name = 'work'", want: []string{`counters: feed "work" calls 2 its newest id, and has entry 5`}, whole: true},
	{how: "UPDATE atommq_feed SET pruned_id = 9 WHERE name = 'work'", want: []string{`counters: feed "work" has pruned entry 9, above its newest id 5`}, whole: true},
	{how: "UPDATE atommq_queue SET passed = passed + 4", want: []string{`counters: queue "default" of feed "work" counts 1 that wait, and has 5`}, whole: true},
	{how: "UPDATE atommq_ready SET queue = 77 WHERE id = 5", want: []string{`counters: queue "default"`, "queues: queue 77 is not there, and has entries that wait in it: 1"}},
	{how: "DELETE FROM atommq_entry WHERE id = 5", want: []string{`counters: feed "work"`, `queues: entry 5 waits in queue "default" of feed "work", and is gone`}},
	{how: "INSERT INTO atommq_ready SELECT queue, 0, id, attempts, bytes, ack_timeout, expires FROM atommq_claim WHERE id = 1", want: []string{`counters: queue "default"`, "queues: entry 1 waits 2 times in queue 1"}},
	{how: "DELETE FROM atommq_node WHERE id > 0", want: []string{"queues: node 1 is not there, and its consumers have entries: 2"}},
	{how: "UPDATE atommq_secret SET lease = substr(lease, 1, 3)", want: []string{"secrets: there are 0 secrets"}},
	{how: "INSERT INTO atommq_rule VALUES ('anonymous', 'x', 'read'), ('ann', 'x', 'read'); INSERT INTO atommq_token VALUES (zeroblob(32), 'ann', 'x', 0, 0); INSERT INTO atommq_limit VALUES ('ann', 'feeds', 1), ('*', 'feeds', 1), ('anonymous', 'feeds', 1)",
		want: []string{`access: account "ann" is not there, and has tokens, rules or limits: 3`}},
	{how: "UPDATE atommq_key SET seq = -1", want: []string{`keys: the idempotency key "key" of feed "news"`}},
	{how: "UPDATE atommq_entry SET deleted = 1, media = '' WHERE id = 9", want: []string{`counters: feed "files"`, "media: media 1 belong to entry"}},
	{how: "UPDATE atommq_media SET entry = NULL", want: []string{`media: entry 9 of feed "files" links to media that are not there`}},
	{how: "DELETE FROM atommq_chunk WHERE seq = 0", want: []string{"have 262147 bytes, and 1 chunks with 3 are there", "(SHA-256)"}},
	{how: "UPDATE atommq_chunk SET bytes = substr(bytes, 1, 2) WHERE seq = 1", want: []string{"and 2 chunks with 262146 are there", "(SHA-256)"}},
	{how: "UPDATE atommq_media SET digest = zeroblob(32)", want: []string{"(SHA-256)"}},
	{how: "INSERT INTO atommq_chunk SELECT 99, 0, bytes FROM atommq_chunk WHERE seq = 1", want: []string{"media: media 99 are not there, and 1 of their chunks are"}},
}

func TestACheckFindsWhatIsBroken(t *testing.T) {
	sound := filepath.Join(t.TempDir(), "sound.db")
	furnish(t, openAt(t, sound))
	if got := faultsOf(t, sound); got != nil {
		t.Fatalf("a sound database has %q", got)
	}
	for _, b := range broken {
		t.Run(b.how, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "broken.db")
			if _, err := (&Backup{From: sound, To: path}).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			execFile(t, path, b.how)
			missed(t, b.want, faultsOf(t, path))
			s := openAt(t, path)
			done, err := s.Repair(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if left := faultsOf(t, path); b.whole && (left != nil || done == nil) || !b.whole && left == nil {
				t.Errorf("repaired %q, and %q are left", done, left)
			}
			if again, err := s.Repair(t.Context()); err != nil || again != nil {
				t.Errorf("repaired again: %q, %v", again, err)
			}
		})
	}
}

// missed compares faults with what each must contain.
func missed(t *testing.T, want, got []string) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("found %q", got)
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("found %q, want %q", got[i], want[i])
		}
	}
}

func TestACheckFindsTwoEntriesOfOneUUIDAndADamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broken.db")
	furnish(t, openAt(t, path))
	execFile(t, path, `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'NULL UNIQUE', 'NULL') WHERE name = 'atommq_entry';
		DELETE FROM sqlite_schema WHERE name = 'sqlite_autoindex_atommq_entry_1'`)
	execFile(t, path, "UPDATE atommq_entry SET uuid = 'one' WHERE id IN (6, 7)")
	found := strings.Join(faultsOf(t, path), "\n")
	for _, want := range []string{"uuids: 2 entries have the uuid one", "pages: the file is damaged"} {
		if !strings.Contains(found, want) {
			t.Errorf("not found: %s\n%s", want, found)
		}
	}
}

// busily publishes, claims and acks until the context ends.
func busily(t *testing.T, ctx context.Context, s *Store, name string, node int64) {
	for i := 0; ctx.Err() == nil; i++ {
		ops := through(t, name, 3)
		q, err := s.Queue(ctx, name, bus.DefaultQueue)
		if err == nil {
			ops = append(ops, claiming(node, q.ID, 3))
		}
		mustCommit(t, s, ops...)
		if err != nil {
			continue
		}
		var settle []bus.Settlement
		for _, c := range ops[3].Order.Claims {
			settle = append(settle, bus.Settlement{Claim: c, Verdict: bus.Acked})
		}
		mustCommit(t, s, &bus.Op{Kind: bus.OpPublish, Settle: settle, At: time.Now()})
	}
}

func TestACheckFindsNothingWhileOthersWork(t *testing.T) {
	for name, dsn := range map[string]string{"file": filepath.Join(t.TempDir(), "busy.db"), "server": dbtest.Start(t, "fsync=off").Database(t)} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), dsn, Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			furnish(t, s)
			node, err := s.Join(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			var working sync.WaitGroup
			for i := range 2 {
				working.Go(func() { busily(t, ctx, s, fmt.Sprint("busy", i), node) })
			}
			for range 10 {
				if got := faultsOf(t, dsn); got != nil {
					t.Errorf("found %q", got)
				}
				if done, err := s.Repair(t.Context()); err != nil || done != nil {
					t.Errorf("repaired %q, %v", done, err)
				}
			}
			stop()
			working.Wait()
			if name == "server" {
				brokenServer(t, s, dsn)
			}
		})
	}
}

// brokenServer does on a server what differs there: counters are repaired, and texts named.
func brokenServer(t *testing.T, s *Store, dsn string) {
	t.Helper()
	for _, how := range []string{"UPDATE atommq_log SET last_id = 8", "UPDATE atommq_feed SET entries = 70", "UPDATE atommq_queue SET passed = passed + 4", "UPDATE atommq_media SET digest = '\\x00'"} {
		if err := s.writer.write(t.Context(), func() error { return s.writer.exec(how) }); err != nil {
			t.Fatal(err)
		}
	}
	if found := faultsOf(t, dsn); len(found) < 5 {
		t.Errorf("found %q", found)
	}
	if _, err := s.Repair(t.Context()); err != nil {
		t.Error(err)
	}
	missed(t, []string{"(SHA-256)"}, faultsOf(t, dsn))
}

// A server that takes long over one answer is taken for one that is gone.
func TestALongFeedIsCountedInShortPieces(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	for name, n := range map[string]int{"whole pieces": 2 * countPiece, "a rest": 2*countPiece + 1} {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, cluster.Database(t))
			mustCommit(t, s, publishing(t, "x", n)...)
			before, err := s.Feed(t.Context(), "x")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.writer.write(t.Context(), func() error { return s.writer.exec("UPDATE atommq_feed SET entries = 1, bytes = 1, last_id = 1") }); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Repair(t.Context()); err != nil {
				t.Fatal(err)
			}
			after, err := s.Feed(t.Context(), "x")
			if err != nil || after.Entries != before.Entries || after.Bytes != before.Bytes || after.LastID != before.LastID {
				t.Errorf("%v: counted %v, want %v", err, after, before)
			}
		})
	}
}
