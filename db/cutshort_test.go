package db

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const cutPage = 4096

// wantCutShort checks that no bus, no check, no restore and no copy takes a file.
func wantCutShort(t *testing.T, path string) {
	t.Helper()
	if s, err := Open(t.Context(), path, Config{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a bus is opened on it: %v", errors.Join(err, s.Close()))
	}
	_, err := (&Check{DSN: path, Found: func(Fault) {}}).Run(t.Context())
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "is cut short") {
		t.Errorf("check: %v", err)
	}
	for _, target := range []string{filepath.Join(t.TempDir(), "atommq.db"), "postgres://127.0.0.1:1/x"} {
		_, err := (&Restore{From: path, To: target}).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "restore another backup (it is cut short") {
			t.Errorf("restore into %s: %v", target, err)
		}
		if _, err := os.Stat(target); err == nil {
			t.Errorf("a database was made of it")
		}
	}
	_, err = (&Copy{From: path, To: filepath.Join(t.TempDir(), "atommq.db")}).Run(t.Context())
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "is cut short") {
		t.Errorf("copy: %v", err)
	}
}

// wantWhole checks that a check finds nothing, and that a restore makes a database of a file.
func wantWhole(t *testing.T, path string) {
	t.Helper()
	if faults := faultsOf(t, path); len(faults) > 0 {
		t.Errorf("a check finds %q", faults)
	}
	mustRestore(t, path, filepath.Join(t.TempDir(), "atommq.db"))
}

func TestAFileThatLostItsEndIsNoBackup(t *testing.T) {
	whole := backedUp(t, 100)
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	unsure := append([]byte{}, content...)
	unsure[92]++ // whoever wrote last did not keep the number of pages
	for name, cut := range map[string][]byte{
		"a byte":               content[:len(content)-1],
		"most of a page":       content[:len(content)-cutPage+1],
		"a page":               content[:len(content)-cutPage],
		"a page and more":      content[:len(content)-cutPage-100],
		"of an unknown length": unsure[:len(unsure)-1],
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cut.db")
			if err := os.WriteFile(path, cut, 0o600); err != nil {
				t.Fatal(err)
			}
			wantCutShort(t, path)
		})
	}
	wantWhole(t, whole)
}

// copyLive copies a database that is open, with its log, all of which is in the file already, too.
func copyLive(t *testing.T) (path string, logged int64) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "source.db")
	s, err := Open(t.Context(), source, Config{})
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, publishing(t, "news", 100)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(source)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := OpenFile(source) // keeps the log from being removed
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.ExecContext(t.Context(), "SELECT 1 FROM sqlite_schema"); err != nil {
		t.Fatal(err)
	}
	execFile(t, source, `PRAGMA wal_autocheckpoint = 0; CREATE TABLE atommq_bulk (x BLOB PRIMARY KEY) WITHOUT ROWID;
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO atommq_bulk SELECT randomblob(500) FROM n;
		PRAGMA wal_checkpoint(PASSIVE)`)
	path = filepath.Join(t.TempDir(), "live.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(source + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if suffix == "" {
			logged = int64(len(content)) - before.Size()
		}
	}
	if logged < 10*cutPage {
		t.Fatalf("the log has %d bytes of the file alone: this test shows nothing", logged)
	}
	return path, logged
}

// A file grows when its log is written into it, which may be under way, or have broken off.
func TestAFileMayLackWhatItsLogHas(t *testing.T) {
	for name, lacks := range map[string]func(logged int64) int64{
		"nothing":       func(int64) int64 { return 0 },
		"half a page":   func(int64) int64 { return cutPage / 2 },
		"a page":        func(int64) int64 { return cutPage },
		"all of it":     func(logged int64) int64 { return logged },
		"all but bytes": func(logged int64) int64 { return logged - 100 },
	} {
		t.Run(name, func(t *testing.T) {
			path, logged := copyLive(t)
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, info.Size()-lacks(logged)); err != nil {
				t.Fatal(err)
			}
			wantWhole(t, path)
		})
	}
}

func TestAFileThatLacksMoreThanItsLogHasIsCutShort(t *testing.T) {
	for name, lacks := range map[string]int64{"a byte": 1, "a page": cutPage, "pages": 3*cutPage + 5} {
		t.Run(name, func(t *testing.T) {
			path, logged := copyLive(t)
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, info.Size()-logged-lacks); err != nil {
				t.Fatal(err)
			}
			wantCutShort(t, path)
		})
	}
	t.Run("without its log", func(t *testing.T) {
		path, _ := copyLive(t)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Truncate(path, info.Size()-1), os.Remove(path+"-wal")); err != nil {
			t.Fatal(err)
		}
		wantCutShort(t, path)
	})
}

// The file of a server at work, and a name that leads to it, are read with its log.
func TestALiveDatabaseIsTakenWithItsLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live.db")
	s := openAt(t, path)
	for range 5 {
		mustCommit(t, s, publishing(t, "news", 300)...)
		if faults := faultsOf(t, path); len(faults) > 0 {
			t.Errorf("a check finds %q", faults)
		}
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{path, link} {
		target := filepath.Join(t.TempDir(), "atommq.db")
		mustRestore(t, from, target)
		if head, err := openAt(t, target).Head(t.Context()); err != nil || head != 1500 {
			t.Errorf("restored from %s: head %d, %v", from, head, err)
		}
	}
}
