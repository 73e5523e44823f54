package db

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atommq/bus"
	"atommq/bus/bustest"
)

// nobody is a user who owns nothing.
const nobody = 65534

// asNobody calls do as that user, as far as files go.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // until it ends, and the thread with it
		_, err := unix.SetfsuidRetUid(nobody)
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// sharedDir makes a directory that everybody can reach.
func sharedDir(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may be two users: run it as root")
	}
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// mustBelong checks whose a file is, and who may do what with it.
func mustBelong(t *testing.T, path string, uid uint32, mode fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Sys().(*syscall.Stat_t).Uid; got != uid || info.Mode().Perm() != mode {
		t.Errorf("%s belongs to %d, with the mode %o; want %d, %o", filepath.Base(path), got, info.Mode().Perm(), uid, mode)
	}
}

func mustChown(t *testing.T, path string, uid int) {
	t.Helper()
	if err := os.Lchown(path, uid, uid); err != nil {
		t.Fatal(err)
	}
}

// mustJoin opens a database and hands out work, as it were.
func mustJoin(t *testing.T, path string) {
	t.Helper()
	if _, err := openAt(t, path).Join(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A service of its own user goes on after root has worked on its database, or has made it.
func TestWhatRootMakesTheServersUserCanOpen(t *testing.T) {
	dir := sharedDir(t)
	mustChown(t, dir, nobody)
	made := filepath.Join(dir, "made.db")
	mustJoin(t, made)
	mustBelong(t, made, nobody, 0o600)
	mustBelong(t, made+"-nodes", nobody, 0o600)

	former := filepath.Join(sharedDir(t), "former.db")
	mustJoin(t, former)
	mustBelong(t, former, 0, 0o600) // it is in a directory of root's
	mustChown(t, former, nobody)
	if err := os.Chmod(former, 0o640); err != nil {
		t.Fatal(err)
	}
	mustJoin(t, former)
	mustBelong(t, former+"-nodes", nobody, 0o640)

	backup := filepath.Join(dir, "backup.db")
	if _, err := (&Backup{From: made, To: backup}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustBelong(t, backup, 0, 0o600) // nobody serves it
	restored := filepath.Join(dir, "restored.db")
	mustRestore(t, backup, restored)
	mustBelong(t, restored, nobody, 0o600)
}

// Whoever may write beside a database could otherwise have root give away what is root's.
func TestRootGivesAwayNothingButLocks(t *testing.T) {
	dir := sharedDir(t)
	mustChown(t, dir, nobody)
	secret, path := filepath.Join(dir, "secret"), filepath.Join(dir, "a.db")
	for name, lay := range map[string]func(locks string) error{
		"symbolic link": func(locks string) error { return os.Symlink(secret, locks) },
		"hard link":     func(locks string) error { return os.Link(secret, locks) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(secret, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := lay(path + "-nodes"); err != nil {
				t.Fatal(err)
			}
			_, _ = openAt(t, path).Join(t.Context())
			mustBelong(t, secret, 0, 0o600)
			if err := os.Remove(path + "-nodes"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestLocksThatMayNotBeReadAreNoInternalError(t *testing.T) {
	dir := sharedDir(t)
	path := filepath.Join(dir, "a.db")
	mustJoin(t, path)
	s := openAt(t, path)
	asNobody(t, func() {
		_, joined := s.Join(t.Context())
		for what, err := range map[string]error{"join": joined, "ready": s.Ready(t.Context())} {
			if !errors.Is(err, bus.ErrReadOnly) || !strings.Contains(err.Error(), path+"-nodes belongs to root") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("once it may be read: %v", err)
	}
}

func TestADirectoryThatMayNotBeEnteredIsNoRemovedFile(t *testing.T) {
	dir := sharedDir(t)
	s := openAt(t, filepath.Join(dir, "a.db"))
	mustCommit(t, s, publishing(t, "x", 1)...)
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	ops := publishing(t, "x", 1)
	asNobody(t, func() {
		err := s.writer.write(t.Context(), func() error { return nil })
		if !errors.Is(err, bus.ErrUnavailable) || !errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "removed") {
			t.Errorf("commit: %v", err)
		}
	})
	if err := s.Commit(t.Context(), bustest.Piece(ops...)); err != nil {
		t.Errorf("once it may be entered: %v", err)
	}
}
