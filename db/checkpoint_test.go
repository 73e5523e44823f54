package db

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
)

// logOf returns a connection that looks at the write-ahead log.
func logOf(t *testing.T, s *Store) *sqlite3.SQLiteConn {
	t.Helper()
	conn, err := (&sqlite3.SQLiteDriver{}).Open(sqliteOf(s).location.writer(Config{Synchronous: "FULL"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*sqlite3.SQLiteConn)
}

func logged(t *testing.T, conn *sqlite3.SQLiteConn) (pages, done int64) {
	t.Helper()
	pages, done, err := checkpoint(conn, "NOOP")
	if err != nil {
		t.Fatal(err)
	}
	return pages, done
}

func TestNoCommitNeedWriteTheLogToTheDatabase(t *testing.T) {
	s := openNew(t)
	conn := logOf(t, s)
	for {
		mustCommit(t, s, publishing(t, "x", 100)...)
		if pages, _ := logged(t, conn); pages >= checkpointAtMost {
			t.Fatalf("%d pages wait to be written", pages)
		} else if pages > checkpointPages {
			break
		}
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := time.After(10 * time.Second)
	for {
		if _, done := logged(t, conn); done >= checkpointPages {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("nothing is written")
		}
	}
}

func TestTheLogDoesNotGrowWithWhatIsPublished(t *testing.T) {
	s := openNew(t)
	const commits, page = 400, 4096 + 24
	largest := int64(0)
	for range commits {
		mustCommit(t, s, publishing(t, "x", 500)...)
		info, err := os.Stat(sqliteOf(s).location.path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	all, err := os.Stat(sqliteOf(s).location.path)
	if err != nil {
		t.Fatal(err)
	}
	if all.Size() < 2*checkpointAtMost*page {
		t.Fatalf("only %d bytes were written: not enough to tell", all.Size())
	}
	if most := int64(checkpointAtMost+1000) * page; largest > most {
		t.Errorf("the log had %d bytes, at most %d expected", largest, most)
	}
}

// lines is a log whose lines can be waited for.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// Commits succeed meanwhile, and nobody would know why the log grows.
func TestWhatCannotBeWrittenToTheFileIsToldOnceAMinute(t *testing.T) {
	path, log := filepath.Join(t.TempDir(), "gone.db"), make(lines, 10)
	c := newCheckpointer(location{path: path}, Config{Synchronous: "FULL", Log: slog.New(slog.NewTextHandler(log, nil))})
	c.committed()
	if line := <-log; !strings.Contains(line, "its log grows") || !strings.Contains(line, path) {
		t.Errorf("the log has %s", line)
	}
	c.close()
	for range 3 {
		c.report(c.work())
	}
	if n := c.failed.Load(); n != 4 || len(log) != 0 {
		t.Errorf("%d failures, and %d lines more", n, len(log))
	}
	c.told = c.told.Add(-checkpointSilence)
	c.report(c.work())
	if len(log) != 1 {
		t.Errorf("%d lines after a minute", len(log))
	}
	c.report(true, nil)
	c.report(true, nil)
	if len(log) != 2 {
		t.Errorf("%d lines once it works again", len(log))
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has made the file: %v", err)
	}
}
