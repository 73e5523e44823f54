package db

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/db/dbtest"
)

// bulk is enough entries for a backup to take several steps.
const bulk = 20_000

// filled makes a file with so many entries in the feed "bulk", and a queue with work of which a
// node that died has a part.
func filled(t testing.TB, entries int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "atommq.db")
	s, err := Open(t.Context(), path, Config{Synchronous: "OFF"})
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, through(t, "work", 5)...)
	node, err := s.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, claiming(node, 1, 2))
	mustCommit(t, s, publishing(t, "bulk", entries)...)
	if err := s.Close(); err != nil { // as if the process had died
		t.Fatal(err)
	}
	return path
}

// once returns a Progress that calls do when a part of the pages is copied, once.
func once(do func()) func(Progress) {
	done := false
	return func(p Progress) {
		if p.Phase == "copy pages" && p.Rows < p.Of && !done {
			done = true
			do()
		}
	}
}

// ids returns those of a feed.
func ids(t *testing.T, s *Store, feed string) (all []int64) {
	t.Helper()
	page, err := s.Read(t.Context(), bus.Query{Feed: feed, Limit: 2 * bulk})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page {
		all = append(all, e.ID)
	}
	return all
}

func TestABackupHoldsOneMomentWhilePublishersGoOn(t *testing.T) {
	source := filled(t, bulk)
	s, backup := openAt(t, source), filepath.Join(t.TempDir(), "backup.db")
	want := ids(t, s, "bulk")
	published := false
	_, err := (&Backup{From: source, To: backup, Progress: once(func() {
		published = true
		mustCommit(t, s, publishing(t, "bulk", 100)...)
		mustCommit(t, s, publishing(t, "later", 1)...)
	})}).Run(t.Context())
	if err != nil || !published {
		t.Fatalf("backup: %v; published meanwhile: %t", err, published)
	}
	kept := openAt(t, backup)
	if diff := cmp.Diff(want, ids(t, kept, "bulk")); diff != "" {
		t.Errorf("the backup (-before it +in it):\n%.500s", diff)
	}
	if got := ids(t, kept, "later"); got != nil {
		t.Errorf("the backup has %v, which came later", got)
	}
	if head, err := kept.Head(t.Context()); err != nil || head != want[len(want)-1] {
		t.Errorf("the backup's head is %d, %v", head, err)
	}
	checkAccounts(t, kept)
}

// listing returns the names of the files beside path that begin with its name.
func listing(t *testing.T, path string) (names []string) {
	t.Helper()
	found, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		names = append(names, filepath.Base(f))
	}
	return names
}

func TestAStoppedBackupLeavesNothing(t *testing.T) {
	source, backup := filled(t, bulk), filepath.Join(t.TempDir(), "backup.db")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := (&Backup{From: source, To: backup, Progress: once(func() {
		if got := listing(t, backup); len(got) == 0 || got[0] != "backup.db.partial" {
			t.Errorf("while it is written, there are %q", got)
		}
		cancel()
	})}).Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("backup: %v", err)
	}
	if got := listing(t, backup); got != nil {
		t.Errorf("it leaves %q", got)
	}
}

func TestABackupOverwritesNothingUnlessTold(t *testing.T) {
	source, backup := filled(t, bulk), filepath.Join(t.TempDir(), "backup.db")
	write := func(what string) {
		if err := os.WriteFile(backup, []byte(what), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := (&Backup{From: source, To: backup, Progress: once(func() { write("came meanwhile") })}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("over a file that came meanwhile: %v", err)
	}
	if _, err = (&Backup{From: source, To: backup}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("over a file: %v", err)
	}
	if got, err := os.ReadFile(backup); err != nil || string(got) != "came meanwhile" {
		t.Errorf("the file holds %.20q, %v", got, err)
	}
	if _, err = (&Backup{From: source, To: source, Force: true}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "the database itself") {
		t.Errorf("over the database: %v", err)
	}
	if _, err = (&Backup{From: source, To: backup, Force: true}).Run(t.Context()); err != nil {
		t.Errorf("by force: %v", err)
	}
	if got := listing(t, backup); !cmp.Equal(got, []string{"backup.db"}) {
		t.Errorf("there are %q", got)
	}
}

func TestOnlyAKilledBackupsRestsAreRemoved(t *testing.T) {
	source, backup := filled(t, bulk), filepath.Join(t.TempDir(), "backup.db")
	if err := os.WriteFile(backup+".partial", bytes.Repeat([]byte("half a file"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := (&Backup{From: source, To: backup, Progress: once(func() {
		_, err := (&Backup{From: source, To: backup}).Run(t.Context())
		if !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "another backup is writing") {
			t.Errorf("a second one: %v", err)
		}
	})}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := listing(t, backup); !cmp.Equal(got, []string{"backup.db"}) {
		t.Errorf("there are %q", got)
	}
}

func TestABackupIsMadeByWhoMayOnlyRead(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	mustCopy(t, filled(t, 1), url)
	cluster.Execute(t, "test1", "CREATE ROLE backup LOGIN", // then what doc/operate.md has
		"GRANT USAGE ON SCHEMA public TO backup",
		"GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup",
		"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO backup")
	backup := &Backup{From: strings.Replace(url, "user=atommq", "user=backup", 1), To: filepath.Join(t.TempDir(), "backup.db")}
	if _, err := backup.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func mustRestore(t *testing.T, from, to string) {
	t.Helper()
	if _, err := (&Restore{From: from, To: to}).Run(t.Context()); err != nil {
		t.Fatalf("restore into %s: %v", Name(to), err)
	}
}

// Whatever is in the schema, in whichever database, survives.
func TestARestoreIsWhatWasBackedUp(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	dir := t.TempDir()
	source := filepath.Join(dir, "source.db")
	stuff(t, source, 100)
	want := contents(t, source)
	from, server := source, cluster.Database(t)
	mustCopy(t, source, server)
	ofServer := openAt(t, server) // which is in use
	for i, to := range []string{filepath.Join(dir, "file.db"), cluster.Database(t)} {
		backup := filepath.Join(dir, string(rune('a'+i))+".db")
		if _, err := (&Backup{From: from, To: backup}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustRestore(t, backup, to)
		if diff := cmp.Diff(want, contents(t, backup)); diff != "" {
			t.Errorf("backup of %s (-want +got):\n%s", Name(from), diff)
		}
		back := filepath.Join(dir, string(rune('A'+i))+".db")
		mustCopy(t, to, back)
		if diff := cmp.Diff(want, contents(t, back)); diff != "" {
			t.Errorf("restored into %s (-want +got):\n%s", Name(to), diff)
		}
		from = server
	}
	if err := ofServer.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// Whoever needs the backup would learn that it is refused.
func TestABackupIsMadeOfNoMediaThatAreNotTheBytesThatCame(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source.db")
	furnish(t, openAt(t, source))
	backup := filepath.Join(t.TempDir(), "backup.db")
	former := (&Backup{From: source, To: backup})
	if _, err := former.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	execFile(t, source, "UPDATE atommq_chunk SET bytes = x'454e44' WHERE seq = 1")
	_, err := (&Backup{From: source, To: backup, Force: true}).Run(t.Context())
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "media 1 of entry ") {
		t.Errorf("a backup of damaged media: %v", err)
	}
	mustRestore(t, backup, filepath.Join(t.TempDir(), "atommq.db")) // the former one is there still
}
