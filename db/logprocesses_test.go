package db

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"atommq/bus"
	"atommq/db/dbtest"
	"atommq/feeds"
)

// What a re-executed test binary is to do with the log: "write URL FILE ENTRIES" or "poll URL FILE".
const logTask = "ATOMMQ_TEST_LOG"

const (
	writingProcesses = 4
	pollingProcesses = 4
	writersEach      = 8
	entriesAtOnce    = 100
)

// runLogTask does it.
func runLogTask(task string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	words := strings.Fields(task)
	s, err := Open(ctx, words[1], Config{})
	if err != nil {
		return err
	}
	b, err := bus.Open(ctx, s, s, bus.Config{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	fmt.Println("open")
	if words[0] == "write" {
		err = writeLog(ctx, b, words[2], words[3])
	} else {
		err = pollLog(ctx, b, words[2])
	}
	return errors.Join(err, b.Close(), s.Close())
}

// writeLog publishes entries from several goroutines, and writes the ids that it was told to a file.
func writeLog(ctx context.Context, b *bus.Bus, file, entries string) error {
	each, err := strconv.Atoi(entries)
	if err != nil {
		return err
	}
	var writing sync.WaitGroup
	ids := make([][]int64, writersEach)
	for i := range ids {
		writing.Go(func() { ids[i] = publishAll(ctx, b, each) })
	}
	writing.Wait()
	return writeIDs(file, slices.Concat(ids...))
}

// publishAll publishes n entries and returns their ids. What fails is published anew, as another entry.
func publishAll(ctx context.Context, b *bus.Bus, n int) (ids []int64) {
	posts := make([]bus.Post, entriesAtOnce)
	for i := range posts {
		posts[i] = bus.Post{Feed: "log", Entry: &feeds.Entry{Title: "entry", XML: []byte("<entry>" + strings.Repeat("x", 180) + "</entry>")}}
	}
	for len(ids) < n && ctx.Err() == nil {
		out, err := b.Publish(ctx, posts...)
		if err != nil {
			continue
		}
		for _, p := range out {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// pollLog follows the log until its end, and writes the ids that it saw to a file.
func pollLog(ctx context.Context, b *bus.Bus, file string) error {
	var ids []int64
	s := b.Follow(bus.Only("log"), 0)
	defer s.Close()
	for after := int64(0); ; {
		page, err := s.Next(ctx, 1000)
		if err != nil && !errors.Is(err, bus.ErrUnavailable) { // else it reads again
			return err
		}
		for _, e := range page {
			if e.ID <= after {
				return fmt.Errorf("id %d came after %d", e.ID, after)
			}
			after = e.ID
			if e.Title == "end" {
				return writeIDs(file, ids)
			}
			ids = append(ids, e.ID)
		}
	}
}

func writeIDs(file string, ids []int64) error {
	var text []byte
	for _, id := range ids {
		text = append(strconv.AppendInt(text, id, 10), '\n')
	}
	return os.WriteFile(file, text, 0o600)
}

func readIDs(t *testing.T, file string) (ids []int64) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		id, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// startLogTask runs a task in a process of its own.
func startLogTask(t *testing.T, task string) *logProcess {
	t.Helper()
	cmd, says := startSelf(t, logTask, task)
	return &logProcess{cmd, says}
}

// logProcess is a process with a task.
type logProcess struct {
	*exec.Cmd
	says *bufio.Scanner
}

// opened waits until the process has opened the database.
func (p *logProcess) opened(t *testing.T) {
	t.Helper()
	if !p.says.Scan() || p.says.Text() != "open" {
		t.Fatalf("a process does not start: %s", p.says.Text())
	}
}

// end waits until the process has done its task.
func (p *logProcess) end(t *testing.T) {
	t.Helper()
	said := ""
	for p.says.Scan() {
		said += p.says.Text() + "\n"
	}
	if err := p.Wait(); err != nil {
		t.Errorf("a process failed: %v: %s", err, said)
	}
}

// Four processes write, four others poll, and their connections are cut at random all the time.
func TestPollersOfOtherProcessesSkipNothing(t *testing.T) {
	each := 10_000
	if testing.Short() || underRace {
		each = 1_000
	}
	cluster := dbtest.Start(t, "fsync=off", "max_connections=200", "shared_buffers=128MB")
	url, dir := cluster.Database(t), t.TempDir()
	closed := openAt(t, url) // the schema is there before all open it
	var writers, pollers []*logProcess
	for i := range pollingProcesses {
		pollers = append(pollers, startLogTask(t, fmt.Sprintf("poll %s %s", url, filepath.Join(dir, fmt.Sprint("seen", i)))))
	}
	for i := range writingProcesses {
		writers = append(writers, startLogTask(t, fmt.Sprintf("write %s %s %d", url, filepath.Join(dir, fmt.Sprint("given", i)), each)))
	}
	for _, p := range slices.Concat(writers, pollers) {
		p.opened(t)
	}
	end := every(100*time.Millisecond, func() { cluster.Execute(t, "postgres", terminateOne) })
	defer end()
	var given []int64
	for i, w := range writers {
		w.end(t)
		given = append(given, readIDs(t, filepath.Join(dir, fmt.Sprint("given", i)))...)
	}
	end()
	op := publishing(t, "log", 1)[0]
	op.Posts[0].Entry.Title = "end"
	mustCommit(t, closed, op)
	slices.Sort(given)
	if want := writingProcesses * writersEach * each; len(slices.Compact(slices.Clone(given))) != want || len(given) != want {
		t.Errorf("%d ids were given, %d of them different, want %d", len(given), len(slices.Compact(slices.Clone(given))), want)
	}
	var first []int64
	for i, p := range pollers {
		p.end(t)
		seen := readIDs(t, filepath.Join(dir, fmt.Sprint("seen", i)))
		if first == nil {
			first = seen
			checkSeen(t, seen, given, op.Posts[0].Entry.ID)
		}
		if !slices.Equal(seen, first) {
			t.Errorf("poller %d saw %d entries, the first one %d", i, len(seen), len(first))
		}
	}
	t.Logf("%d entries acknowledged, %d seen by each poller", len(given), len(first))
}

// checkSeen checks that a poller saw all that was given, and every id up to the last: there are no holes.
func checkSeen(t *testing.T, seen, given []int64, last int64) {
	t.Helper()
	for i, id := range seen {
		if id != int64(i+1) {
			t.Fatalf("id %d was skipped", i+1)
		}
	}
	if int64(len(seen)) != last-1 {
		t.Errorf("%d entries were seen before the last one, which has id %d", len(seen), last)
	}
	if len(given) > 0 && given[len(given)-1] > int64(len(seen)) {
		t.Errorf("id %d was given and is not there", given[len(given)-1])
	}
}
