package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"atommq/bus"
	"atommq/bus/bustest"
)

// unsyncedFile names the database that a re-executed test binary publishes to while its disk fails.
const unsyncedFile = "ATOMMQ_TEST_UNSYNCED"

func init() { children[unsyncedFile] = publishUnsynced }

// publishUnsynced publishes an entry, and another one that cannot be brought to the disk, prints
// the UUID of that, and ends as if it was killed.
func publishUnsynced(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path, Config{})
	if err != nil {
		return err
	}
	var t testing.T
	ops := publishing(&t, "x", 2)
	if err := s.Commit(ctx, bustest.Piece(ops[0])); err != nil {
		return err
	}
	if err := failSyncs(); err != nil {
		return err
	}
	err = s.Commit(ctx, bustest.Piece(ops[1]))
	if !errors.Is(err, bus.ErrUncertain) {
		return fmt.Errorf("the publisher is told %w", err)
	}
	fmt.Print(ops[1].Posts[0].Entry.UUID)
	os.Exit(0)
	return nil
}

// failSyncs has fsync and fdatasync fail from now on, in all threads of the process.
func failSyncs() error {
	const load, equal, give = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{
		{Code: load}, // the number of the call
		{Code: equal, K: unix.SYS_FSYNC, Jt: 2},
		{Code: equal, K: unix.SYS_FDATASYNC, Jt: 1},
		{Code: give, K: unix.SECCOMP_RET_ALLOW},
		{Code: give, K: unix.SECCOMP_RET_ERRNO | uint32(syscall.EIO)},
	}
	runtime.LockOSThread() // the thread that gives up privileges may filter
	defer runtime.UnlockOSThread()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, failed := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if failed != 0 {
		return failed
	}
	return nil
}

// What was written to the log, but not synced, may be there after a crash: nobody is told that
// nothing was published.
func TestWhatMayBeThereAfterACrashIsNotToldToBeUndone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atommq.db")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), unsyncedFile+"="+path)
	uuid, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, uuid)
	}
	if e, err := openAt(t, path).Find(t.Context(), "x", string(uuid)); err != nil || e.ID != 2 {
		t.Errorf("it is not there (%v): this test shows nothing", err)
	}
}
