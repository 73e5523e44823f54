package db

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// What a commit does not need is paid for by every publisher: where a file system has a journal, to
// write the times of the log takes as long as to write the commit.
func TestACommitBringsNoMoreThanItsEntriesToTheDisk(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("strace is not there: apt install strace")
		}
		t.Skip("strace is not there: apt install strace")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x.db")
	command := exec.CommandContext(t.Context(), strace, "-f", "-y", "-e", "trace=fsync,fdatasync,%%stat", "-o", filepath.Join(dir, "trace"), os.Args[0])
	command.Env = append(os.Environ(), childFile+"="+path)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	trace, err := os.ReadFile(filepath.Join(dir, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	count := func(pattern string) int { return len(regexp.MustCompile(pattern).FindAll(trace, -1)) }
	const log = `x\.db-wal`
	if n := count(`fdatasync\(\d+<[^>]*` + log); n < childOps-10 {
		t.Errorf("of %d commits, %d bring no more than their bytes to the disk", childOps, n)
	}
	if n := count(`fsync\(\d+<[^>]*` + log); n > 10 {
		t.Errorf("the times of the log are brought to the disk %d times", n)
	}
	if n := count(`fsync\(\d+<` + regexp.QuoteMeta(dir) + `>\)`); n == 0 {
		t.Error("the directory, which has the log's name, is not brought to the disk")
	}
	if n := count(`stat(at)?\([^\n]*`+log) - count(`statx\([^\n]*`+log+`[^\n]*, STATX_INO, `); n > 20 {
		t.Errorf("the times of the log are asked for %d times", n)
	}
}
