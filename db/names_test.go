package db

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
)

func TestAFileBehindASymbolicLinkIsMadeForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"one.db": "two.db", "two.db": filepath.Join("data", "real.db")} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	mustCommit(t, openAt(t, filepath.Join(dir, "one.db")), publishing(t, "x", 1)...)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(filepath.Join(dir, "data", "real.db"+suffix))
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("the file%s: %v, %v", suffix, info, err)
		}
	}
}

// Each name has a log of its own: two processes would overwrite each other's commits.
func TestAFileOfTwoNamesIsNotWrittenTo(t *testing.T) {
	source := filled(t, 1)
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.Link(source, other); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "2 names") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := Open(t.Context(), other, Config{})
	refused("open", err)
	_, err = (&Backup{From: other, To: filepath.Join(t.TempDir(), "b.db")}).Run(t.Context())
	refused("backup", err)
	_, err = (&Restore{From: source, To: other}).Run(t.Context())
	refused("restore into it", err)
	_, err = OpenAsIs(t.Context(), other, time.Second)
	refused("migrate", err)
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	openAt(t, source)
}

// It has its name, and has not lost the former one.
func TestABackupThatWasKilledAtItsEndCanBeRestored(t *testing.T) {
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := (&Backup{From: filled(t, 1), To: backup}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(backup, partial(backup)); err != nil {
		t.Fatal(err)
	}
	mustRestore(t, backup, filepath.Join(t.TempDir(), "a.db"))
	if _, err := Open(t.Context(), backup, Config{}); err == nil || !strings.Contains(err.Error(), "remove "+partial(backup)) {
		t.Errorf("served: %v", err)
	}
}

// SQLite would remove the log, which has what was published last, for want of a file that it
// belongs to.
func TestNoDatabaseIsMadeBesideTheLogOfAnother(t *testing.T) {
	backup, path := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "a.db")
	if _, err := (&Backup{From: filled(t, 1), To: backup}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-journal"} {
		rest := path + suffix
		if err := os.WriteFile(rest, []byte("what was published last"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, opened := Open(t.Context(), path, Config{})
		_, asIs := OpenAsIs(t.Context(), path, time.Second)
		_, restored := (&Restore{From: backup, To: path}).Run(t.Context())
		for what, err := range map[string]error{"open": opened, "migrate": asIs, "restore": restored} {
			if !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), rest+" is, and may hold the only copy") {
				t.Errorf("%s beside %s: %v", what, suffix, err)
			}
		}
		if got, err := os.ReadFile(rest); err != nil || string(got) != "what was published last" {
			t.Errorf("%s holds %q, %v", suffix, got, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("beside %s, there is a database: %v", suffix, err)
		}
		if err := os.Truncate(rest, 0); err != nil {
			t.Fatal(err)
		}
	}
	openAt(t, path) // what is empty holds nothing
}

func TestNothingIsCommittedToALogThatNobodyFinds(t *testing.T) {
	path, link := filepath.Join(t.TempDir(), "a.db"), filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, link)
	mustCommit(t, s, publishing(t, "x", 3)...)
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	err := s.Commit(t.Context(), bustest.Piece(publishing(t, "x", 1)...))
	if !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), path+"-wal was removed") {
		t.Errorf("commit: %v", err)
	}
	if err := s.Close(); err != nil { // which is the remedy that the error names
		t.Fatal(err)
	}
	again := openAt(t, link)
	if got := ids(t, again, "x"); len(got) != 3 {
		t.Errorf("of what was acknowledged there are %v", got)
	}
	mustCommit(t, again, publishing(t, "x", 1)...)
}

// logWith writes the log of a database that is not the backup's at the backup's name.
func logWith(t *testing.T, backup string) (log []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old.db")
	mustCommit(t, openAt(t, path), publishing(t, "old", 3)...)
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(backup+"-wal", log, 0o600); err != nil {
		t.Fatal(err)
	}
	return log
}

func TestABackupIsNotTakenForAnotherDatabase(t *testing.T) {
	source, backup := filled(t, bulk), filepath.Join(t.TempDir(), "backup.db")
	log := logWith(t, backup)
	before := func() { log = logWith(t, backup) }
	for what, b := range map[string]*Backup{
		"was there":      {From: source, To: backup},
		"came meanwhile": {From: source, To: backup, Progress: once(before)},
	} {
		if b.Progress != nil {
			if err := os.Remove(backup + "-wal"); err != nil {
				t.Fatal(err)
			}
		}
		_, err := b.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), backup+"-wal is there without") {
			t.Errorf("beside a log that %s: %v", what, err)
		}
		if got, err := os.ReadFile(backup + "-wal"); err != nil || !bytes.Equal(got, log) {
			t.Errorf("the log that %s is another: %v", what, err)
		}
	}
	if _, err := (&Backup{From: source, To: backup, Force: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, openAt(t, backup), "bulk"); len(got) != bulk {
		t.Errorf("by force, the backup has %d entries", len(got))
	}
}

// What is published must be what was verified.
func TestNoOtherBackupWritesTheFileThatIsVerified(t *testing.T) {
	source, backup := filled(t, 1), filepath.Join(t.TempDir(), "backup.db")
	for _, force := range []bool{false, true} {
		verified := false
		_, err := (&Backup{From: source, To: backup, Force: force, Progress: func(p Progress) {
			if p.Phase != "verify" {
				return
			}
			verified = true
			_, err := (&Backup{From: source, To: backup, Force: force}).Run(t.Context())
			if !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "another backup is writing") {
				t.Errorf("a second one: %v", err)
			}
		}}).Run(t.Context())
		if err != nil || !verified {
			t.Errorf("verified %t, %v", verified, err)
		}
	}
	if got := listing(t, backup); len(got) != 1 {
		t.Errorf("there are %q", got)
	}
}
