package db

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
)

// wantNothing checks that a restore that failed has left nothing that a server takes for a
// database, and nothing in the way of the next restore.
func wantNothing(t *testing.T, target string) {
	t.Helper()
	if got := listing(t, target); !cmp.Equal(got, []string{filepath.Base(target)}) {
		t.Errorf("there are %q", got)
	}
	s := openAt(t, target)
	if head, err := s.Head(t.Context()); err != nil || head != 0 {
		t.Errorf("head %d, %v", head, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A backup may lie on another machine, or be copied still: what was verified is not what is read.
func TestARestoreOfABackupThatChangesMeanwhileLeavesTheTargetEmpty(t *testing.T) {
	whole, err := os.ReadFile(backedUp(t, bulk))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(backup string) error{
		"half of it is cut off":   func(backup string) error { return os.Truncate(backup, int64(len(whole)/2)) },
		"a page of it is cut off": func(backup string) error { return os.Truncate(backup, int64(len(whole)-4096)) },
		"another is put over it":  func(backup string) error { return os.WriteFile(backup, make([]byte, len(whole)), 0o600) },
		"it is cut and comes again": func(backup string) error {
			return errors.Join(os.Truncate(backup, 0), os.WriteFile(backup, whole, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			backup, target := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "atommq.db")
			if err := os.WriteFile(backup, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			hourAgo := time.Now().Add(-time.Hour)
			if err := os.Chtimes(backup, hourAgo, hourAgo); err != nil {
				t.Fatal(err)
			}
			changing := once(func() {
				if err := change(backup); err != nil {
					t.Error(err)
				}
			})
			if _, err := (&Restore{From: backup, To: target, Progress: changing}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "the backup changed") {
				t.Errorf("restore: %v", err)
			}
			wantNothing(t, target)
			if err := os.WriteFile(backup, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			mustRestore(t, backup, target)
		})
	}
}

func TestARestoreThatIsStoppedAtItsEndLeavesTheTargetEmpty(t *testing.T) {
	backup, target := backedUp(t, bulk), filepath.Join(t.TempDir(), "atommq.db")
	ctx, cancel := context.WithCancel(t.Context())
	atEnd := func(p Progress) {
		if p.Phase == "copy pages" && p.Rows == p.Of {
			cancel()
		}
	}
	if _, err := (&Restore{From: backup, To: target, LastID: 1_000_000, Progress: atEnd}).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("restore: %v", err)
	}
	wantNothing(t, target)
	mustRestore(t, backup, target)
}

// killedAmid is what a restore that is killed leaves when a part of the pages is written.
func killedAmid(t *testing.T, backup string) (target string) {
	t.Helper()
	running := filepath.Join(t.TempDir(), "running.db")
	target = filepath.Join(t.TempDir(), "killed.db")
	kill := once(func() {
		for _, suffix := range []string{"", "-journal"} {
			content, err := os.ReadFile(running + suffix)
			if err == nil {
				err = os.WriteFile(target+suffix, content, 0o600)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	if _, err := (&Restore{From: backup, To: running, Progress: kill}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return target
}

func TestAFileWhoseRestoreWasKilledSaysSo(t *testing.T) {
	backup := backedUp(t, bulk)
	killed, other := killedAmid(t, backup), filepath.Join(t.TempDir(), "other.db")
	for what, run := range map[string]func() error{
		"check":   func() error { _, err := (&Check{DSN: killed}).Run(t.Context()); return err },
		"backup":  func() error { _, err := (&Backup{From: killed, To: other}).Run(t.Context()); return err },
		"restore": func() error { _, err := (&Restore{From: killed, To: other}).Run(t.Context()); return err },
	} {
		err := run()
		if !errors.Is(err, ErrBrokenOff) || errors.Is(err, bus.ErrReadOnly) || !strings.Contains(err.Error(), "run the restore again, or start a server on it") {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Stat(other); err == nil {
			t.Errorf("%s made a file of it", what)
		}
	}
	mustRestore(t, backup, killed)
	missed(t, nil, faultsOf(t, killed))
	openAt(t, killedAmid(t, backup))
}
