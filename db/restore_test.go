package db

import (
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

// backedUp makes a backup of a file that is filled.
func backedUp(t *testing.T, entries int) (backup string) {
	t.Helper()
	backup = filepath.Join(t.TempDir(), "backup.db")
	if _, err := (&Backup{From: filled(t, entries), To: backup}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return backup
}

func TestARestoreHandsOutAgainWhatConsumersHad(t *testing.T) {
	target := filepath.Join(t.TempDir(), "atommq.db")
	mustRestore(t, backedUp(t, 1), target)
	if got := listing(t, target); !cmp.Equal(got, []string{"atommq.db"}) {
		t.Errorf("there are %q", got)
	}
	s := openAt(t, target)
	if queues := recovered(t, s); !cmp.Equal(queues, []int64{1}) {
		t.Errorf("queues %v got work back", queues)
	}
	node, err := s.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	claims := claimed(t, s, node, 1, 10)
	if len(claims) != 5 || claims[0].Attempt != 2 || claims[4].Attempt != 1 {
		t.Errorf("claims %+v", claims)
	}
	checkAccounts(t, s)
}

// A backup of a bus that no server has opened yet is not in WAL mode.
func TestARestoreLeavesNothingBesideTheDatabase(t *testing.T) {
	dir := t.TempDir()
	source, backup, target := filepath.Join(dir, "new.db"), filepath.Join(dir, "backup.db"), filepath.Join(dir, "atommq.db")
	stuff(t, source, 1)
	if _, err := (&Backup{From: source, To: backup}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustRestore(t, backup, target)
	if got := listing(t, target); !cmp.Equal(got, []string{"atommq.db"}) {
		t.Errorf("there are %q", got)
	}
	openAt(t, target)
}

func TestARestoreGoesOnAboveWhatReadersSaw(t *testing.T) {
	target := filepath.Join(t.TempDir(), "atommq.db")
	if _, err := (&Restore{From: backedUp(t, 1), To: target, LastID: 1000}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	op := publishing(t, "news", 1)[0]
	mustCommit(t, openAt(t, target), op)
	if id := op.Posts[0].Entry.ID; id != 1001 {
		t.Errorf("the next id is %d", id)
	}
}

// A file's counter of ids may lie below its newest entry, a server's may not: restored as it is, it
// would have the server give an id again.
func TestABackupOfAFileGoesOnOnAServer(t *testing.T) {
	backup := filepath.Join(t.TempDir(), "backup.db")
	source := filepath.Join(t.TempDir(), "atommq.db")
	mustCommit(t, openAt(t, source), publishing(t, "news", 3)...)
	if _, err := (&Backup{From: source, To: backup}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	target := dbtest.Start(t, "fsync=off").Database(t)
	mustRestore(t, backup, target)
	missed(t, nil, faultsOf(t, target))
	op := publishing(t, "news", 1)[0]
	mustCommit(t, openAt(t, target), op)
	if id := op.Posts[0].Entry.ID; id != 4 {
		t.Errorf("the next id is %d, want 4", id)
	}
}

func TestARestoreThatIsStoppedLeavesTheTargetEmpty(t *testing.T) {
	backup, dir := backedUp(t, bulk), t.TempDir()
	for _, target := range []string{filepath.Join(dir, "made.db"), filepath.Join(dir, "new.db")} {
		if filepath.Base(target) == "made.db" {
			s, err := Open(t.Context(), target, Config{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := (&Restore{From: backup, To: target, Progress: once(cancel)}).Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", target, err)
		}
		s := openAt(t, target)
		if head, err := s.Head(t.Context()); err != nil || head != 0 {
			t.Errorf("%s: head %d, %v", target, head, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		mustRestore(t, backup, target)
	}
}

func TestARestoreKeepsOutOfADatabaseThatIsOpen(t *testing.T) {
	target := filepath.Join(t.TempDir(), "atommq.db")
	openAt(t, target)
	_, err := (&Restore{From: backedUp(t, 1), To: target}).Run(t.Context())
	if !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "stop the server") {
		t.Errorf("while it is open: %v", err)
	}
}

func TestARestoreTakesNoDatabaseThatHoldsSomething(t *testing.T) {
	backup, dir := backedUp(t, 1), t.TempDir()
	used, others := filled(t, 1), filepath.Join(dir, "others.db")
	execFile(t, others, "CREATE TABLE mine (x)")
	for target, want := range map[string]string{used: "holds something already", others: "of another program", dir: "is a directory"} {
		if _, err := (&Restore{From: backup, To: target}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("into %s: %v", target, err)
		}
	}
}

func TestARestoreVerifiesTheBackupFirst(t *testing.T) {
	dir := t.TempDir()
	whole, err := os.ReadFile(backedUp(t, 1000))
	if err != nil {
		t.Fatal(err)
	}
	damaged := append(append([]byte{}, whole[:40*4096]...), make([]byte, 4096)...)
	damaged = append(damaged, whole[len(damaged):]...)
	for name, b := range map[string][]byte{"cut": whole[:len(whole)/2], "damaged": damaged, "none": []byte("SQLite format 3\x00 and more")} {
		backup, target := filepath.Join(dir, name), filepath.Join(dir, name+".db")
		if err := os.WriteFile(backup, b, 0o400); err != nil {
			t.Fatal(err)
		}
		if _, err := (&Restore{From: backup, To: target}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(target); err == nil {
			t.Errorf("%s made a database", name)
		}
	}
	newer := backedUp(t, 1)
	execFile(t, newer, "INSERT INTO atommq_schema (version_id, is_applied) VALUES (1000, 1)")
	if _, err := (&Restore{From: newer, To: filepath.Join(dir, "newer.db")}).Run(t.Context()); !errors.Is(err, bus.ErrNewerSchema) {
		t.Errorf("of a newer schema: %v", err)
	}
}

// SQLite sees nothing wrong in bytes that changed within a page.
func TestARestoreRefusesMediaThatAreNotTheBytesThatCame(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source.db")
	furnish(t, openAt(t, source))
	for how, want := range map[string]string{
		"UPDATE atommq_chunk SET bytes = x'454e44' WHERE seq = 1": "",
		"DELETE FROM atommq_chunk":                                "",
		"UPDATE atommq_media SET digest = zeroblob(32); INSERT INTO atommq_media SELECT 7, 'other', feed, size, digest, created, touched, chunks_of FROM atommq_media": ", and 1 more",
	} {
		backup := filepath.Join(t.TempDir(), "backup.db")
		if _, err := (&Backup{From: source, To: backup}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustRestore(t, backup, filepath.Join(t.TempDir(), "atommq.db"))
		execFile(t, backup, how)
		for _, target := range []string{filepath.Join(t.TempDir(), "atommq.db"), "postgres://127.0.0.1:1/x"} {
			_, err := (&Restore{From: backup, To: target}).Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), "is damaged: restore another backup (media 1 of entry ") || !strings.Contains(err.Error(), want) ||
				!strings.Contains(err.Error(), "are not the bytes that came (SHA-256)") {
				t.Errorf("%s: into %s: %v", how, target, err)
			}
			if _, err := os.Stat(target); err == nil {
				t.Errorf("%s: a database was made", how)
			}
		}
	}
}

// It leaves what a copy leaves; but nobody ran atommq copy.
func TestAServerWhoseRestoreBrokeOffSaysToRunItAgain(t *testing.T) {
	backup, target := backedUp(t, 100), dbtest.Start(t, "fsync=off").Database(t)
	ctx, cancel := context.WithCancel(t.Context())
	begun := func(p Progress) {
		if p.Phase == "copy" && p.Rows > 0 {
			cancel()
		}
	}
	if _, err := (&Restore{From: backup, To: target, Progress: begun}).Run(ctx); err == nil {
		t.Fatal("the restore ended")
	}
	other := filepath.Join(t.TempDir(), "other.db")
	for what, run := range map[string]func() error{
		"open":   func() error { _, err := Open(t.Context(), target, Config{}); return err },
		"check":  func() error { _, err := (&Check{DSN: target}).Run(t.Context()); return err },
		"backup": func() error { _, err := (&Backup{From: target, To: other}).Run(t.Context()); return err },
		"copy":   func() error { _, err := (&Copy{From: target, To: other}).Run(t.Context()); return err },
	} {
		if err := run(); !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "a copy or a restore into it has not ended: run the same again") {
			t.Errorf("%s: %v", what, err)
		}
	}
	mustRestore(t, backup, target)
	missed(t, nil, faultsOf(t, target))
}

// A trigger in a file that came from somebody else would go on to write to every bus that was
// restored from it: an account, say.
func TestABackupWithForeignCodeInItIsRefused(t *testing.T) {
	for _, hidden := range []string{
		"CREATE TRIGGER t AFTER INSERT ON atommq_entry BEGIN DELETE FROM atommq_feed; END",
		"CREATE VIEW atommq_v AS SELECT 1",
	} {
		backup, target := backedUp(t, 1), filepath.Join(t.TempDir(), "atommq.db")
		execFile(t, backup, hidden)
		if _, err := (&Restore{From: backup, To: target}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "do not trust it") {
			t.Errorf("%s: %v", hidden, err)
		}
		if _, err := os.Stat(target); err == nil {
			t.Errorf("%s: a database was made", hidden)
		}
	}
}

// doc/db.md says that both are safe to add.
func TestTablesAndViewsOfOnesOwnAreBackedUpAndRestored(t *testing.T) {
	source := backedUp(t, 1)
	execFile(t, source, "CREATE TABLE mine (id INTEGER); INSERT INTO mine VALUES (7); CREATE VIEW ours AS SELECT id FROM mine")
	backup, target := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "atommq.db")
	if _, err := (&Backup{From: source, To: backup}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustRestore(t, backup, target)
	execFile(t, target, "CREATE TABLE seen (id INTEGER CHECK (id = 7)); INSERT INTO seen SELECT max(id) FROM ours")
}

// Those that came before media have none to verify.
func TestABackupOfASchemaWithoutMediaIsRestoredIntoAFile(t *testing.T) {
	for _, schema := range []string{"v1.sql", "v2.sql"} {
		statements, err := os.ReadFile(filepath.Join("..", "migrations", "testdata", schema))
		if err != nil {
			t.Fatal(err)
		}
		backup, target := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "atommq.db")
		execFile(t, backup, string(statements))
		mustRestore(t, backup, target)
		openAt(t, target)
	}
}
