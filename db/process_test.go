package db

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
)

// childFile names the database that a re-executed test binary publishes to.
const childFile = "ATOMMQ_TEST_PUBLISH"

// childOps is how many entries a child publishes, each in its own commit.
const childOps = 300

// children are what a re-executed test binary does, by the variable that names the database.
var children = map[string]func(path string) error{childFile: publishAsChild, holdFile: holdAsChild, logTask: runLogTask}

func TestMain(m *testing.M) {
	for variable, run := range children {
		path := os.Getenv(variable)
		if path == "" {
			continue
		}
		if err := run(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// publishAsChild prints the id of each entry once it is acknowledged.
func publishAsChild(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path, Config{})
	if err != nil {
		return err
	}
	var t testing.T
	for range childOps {
		ops := publishing(&t, "shared", 1)
		if err := s.Commit(ctx, bustest.Piece(ops...)); err != nil {
			return err
		}
		fmt.Println(ops[0].Posts[0].Entry.ID)
	}
	return s.Close()
}

// child is a process that publishes.
type child struct {
	cmd *exec.Cmd
	out *bufio.Scanner
}

func startChild(t *testing.T, path string) *child {
	t.Helper()
	cmd, out := startSelf(t, childFile, path)
	return &child{cmd, out}
}

// startSelf starts these tests in a process of their own, with a variable that gives it something
// else to do, and returns what it says.
func startSelf(t *testing.T, variable, value string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+value)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// id returns the next id that the child was given, false at its end.
func (c *child) id(t *testing.T) (int64, bool) {
	t.Helper()
	if !c.out.Scan() {
		return 0, false
	}
	id, err := strconv.ParseInt(c.out.Text(), 10, 64)
	if err != nil {
		t.Errorf("a child says %q", c.out.Text())
	}
	return id, err == nil
}

// Several processes open a file that does not exist yet, then all
// publish to it, while this one follows.
func TestAReaderSeesTheIdsOfAllProcessesInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atommq.db")
	const processes = 3
	var children [processes]*child
	for i := range children {
		children[i] = startChild(t, path)
	}
	s := openAt(t, path)
	done := make(chan struct{})
	seen := make(chan map[int64]bool)
	go func() { seen <- follow(t, s, done) }()
	given := make(map[int64]bool)
	for _, c := range children {
		for {
			id, ok := c.id(t)
			if !ok {
				break
			}
			if given[id] {
				t.Errorf("id %d was given twice", id)
			}
			given[id] = true
		}
		if err := c.cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	close(done)
	if followed := <-seen; len(followed) != processes*childOps || len(given) != processes*childOps {
		t.Errorf("%d ids given, %d seen, want %d", len(given), len(followed), processes*childOps)
	}
	checkAccounts(t, s)
}

// follow reads the feed by cursor until done is closed and nothing is left.
func follow(t *testing.T, s *Store, done <-chan struct{}) map[int64]bool {
	seen := make(map[int64]bool)
	for last, ending := int64(0), false; ; {
		page, err := s.Read(context.Background(), bus.Query{Feed: "shared", After: last, Limit: 10})
		if err != nil {
			t.Error(err)
			return seen
		}
		for _, e := range page {
			last = e.ID
			seen[last] = true
		}
		if len(page) == 0 && ending {
			return seen
		}
		select {
		case <-done:
			ending = true
		default:
		}
	}
}

func TestWhatWasAcknowledgedOutlivesAKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atommq.db")
	var last int64
	for round := range 3 {
		c := startChild(t, path)
		for range 20 + 10*round {
			last, _ = c.id(t)
		}
		if err := c.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for {
			id, ok := c.id(t)
			if !ok {
				break
			}
			last = id
		}
		var exit *exec.ExitError
		if err := c.cmd.Wait(); !errors.As(err, &exit) {
			t.Logf("the child ended before it was killed: %v", err)
		}
	}
	s := openAt(t, path)
	var kept int64
	if err := s.reader.GetContext(t.Context(), &kept, "SELECT count(*) FROM atommq_entry WHERE id <= ?", last); err != nil {
		t.Fatal(err)
	}
	if kept != last {
		t.Errorf("%d entries kept up to id %d", kept, last)
	}
	checkAccounts(t, s)
}
