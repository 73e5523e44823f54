//go:build linux

package walvfs_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"

	"atommq/db/walvfs"
)

// conn is a connection to a database with one table, of notes by number.
type conn struct {
	*sqlite3.SQLiteConn
	t testing.TB
}

// stock is what SQLite calls its own VFS.
const stock = "unix"

// open opens the database at path, and makes it if there is none.
func open(t testing.TB, path, vfs string, params ...string) conn {
	t.Helper()
	params = append(params, "_journal_mode=WAL", "_busy_timeout=0", "vfs="+vfs)
	opened, err := new(sqlite3.SQLiteDriver).Open("file:" + path + "?" + strings.Join(params, "&"))
	if err != nil {
		t.Fatal(err)
	}
	c := conn{opened.(*sqlite3.SQLiteConn), t}
	t.Cleanup(func() { _ = c.Close() }) // again, for some
	c.exec("CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
	return c
}

func (c conn) exec(query string, args ...driver.Value) {
	c.t.Helper()
	if _, err := c.Exec(query, args); err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
}

// fill inserts n notes, and returns them.
func (c conn) fill(n int64) map[int64]string {
	c.t.Helper()
	notes := map[int64]string{}
	for id := range n {
		notes[id] = strings.Repeat("kept", 1000)
		c.exec("INSERT INTO note VALUES (?, ?)", id, notes[id])
	}
	return notes
}

// rows returns what query finds: two columns.
func (c conn) rows(query string) map[int64]string {
	c.t.Helper()
	rows, err := c.Query(query, nil)
	if err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	found := map[int64]string{}
	for v := make([]driver.Value, 2); ; {
		switch err := rows.Next(v); {
		case errors.Is(err, io.EOF):
			return found
		case err != nil:
			c.t.Fatalf("%s: %v", query, err)
		}
		found[v[0].(int64)] = v[1].(string)
	}
}

// holds checks that the database is sound and has just these notes.
func (c conn) holds(notes map[int64]string) {
	c.t.Helper()
	if verdict := c.rows("SELECT 0, * FROM pragma_integrity_check"); verdict[0] != "ok" {
		c.t.Fatalf("integrity_check: %v", verdict)
	}
	if diff := cmp.Diff(notes, c.rows("SELECT id, text FROM note")); diff != "" {
		c.t.Fatalf("notes, - wanted, + found:\n%.1000s", diff)
	}
}

// afterCrash opens the database as it would be if all processes died now.
func afterCrash(t testing.TB, path string) conn {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy.db")
	for _, part := range []string{"", "-wal"} {
		bytes, err := os.ReadFile(path + part)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied+part, bytes, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, copied, stock)
}

// writes counts the calls with which do has the system write.
func writes(t *testing.T, do func()) (n int) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	count := func() (calls int) {
		text, err := os.ReadFile("/proc/thread-self/io")
		if err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(string(text), "syscw: ")
		if _, err := fmt.Sscan(line, &calls); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return calls
	}
	before := count()
	do()
	return count() - before
}

func TestACommitIsWrittenAtOnce(t *testing.T) {
	commit := func(vfs string) int {
		c := open(t, filepath.Join(t.TempDir(), "x.db"), vfs)
		c.exec("INSERT INTO note VALUES (0, 'the first commit writes the header of the log')")
		return writes(t, func() { c.exec("INSERT INTO note VALUES (1, ?)", strings.Repeat("x", 80_000)) })
	}
	if ours, theirs := commit(walvfs.Name), commit(stock); ours != 1 || theirs < 40 {
		t.Errorf("a commit of 20 pages takes %d writes; with SQLite's own VFS %d", ours, theirs)
	}
}

func TestWhatIsUndoneIsNotWrittenOverWhatOthersCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	ours, theirs := open(t, path, walvfs.Name, "_cache_size=5"), open(t, path, stock)
	want := map[int64]string{}
	for id := range int64(20) {
		theirs.exec("PRAGMA wal_checkpoint(TRUNCATE)") // nobody need read the log to undo anything
		ours.exec("BEGIN IMMEDIATE")
		ours.exec("INSERT INTO note VALUES (-1, ?)", strings.Repeat("undone", 1000*int(id))) // more than the cache holds: some is in the log already
		ours.exec("ROLLBACK")
		want[id] = strings.Repeat("theirs", 1000*int(id))
		theirs.exec("INSERT INTO note VALUES (?, ?)", id, want[id])
		ours.holds(want)
		afterCrash(t, path).holds(want)
	}
	if err := ours.Close(); err != nil {
		t.Error(err)
	}
	theirs.holds(want)
}

// In whatever way transactions go, and at every step, what is committed is in the files, for
// others to read and to be found after a crash.
func TestWhatIsCommittedIsInTheFiles(t *testing.T) {
	for _, mode := range []string{"_synchronous=OFF", "_synchronous=NORMAL", "_synchronous=FULL", "_synchronous=EXTRA", "psow=0"} {
		t.Run(mode, func(t *testing.T) {
			const seed = 7
			h := history{path: filepath.Join(t.TempDir(), "x.db"), rand: rand.New(rand.NewPCG(seed, seed)), notes: map[int64]string{}}
			h.ours = open(t, h.path, walvfs.Name, mode, "_cache_size=10")
			h.theirs = open(t, h.path, stock, mode)
			for range 150 {
				h.transact(h.ours)
				if h.rand.IntN(4) == 0 {
					h.transact(h.theirs)
				}
				h.theirs.holds(h.notes)
				h.ours.holds(h.notes)
				afterCrash(t, h.path).holds(h.notes)
			}
		})
	}
}

// history is random transactions, and what they come to.
type history struct {
	path         string
	ours, theirs conn
	rand         *rand.Rand
	notes        map[int64]string
}

// transact has c carry out one, or undo it, and now and then begin the log anew.
func (h *history) transact(c conn) {
	if h.rand.IntN(8) == 0 {
		c.exec("PRAGMA wal_checkpoint(" + []string{"PASSIVE", "RESTART", "TRUNCATE"}[h.rand.IntN(3)] + ")")
	}
	before := maps.Clone(h.notes)
	c.exec("BEGIN IMMEDIATE")
	h.change(c)
	if h.rand.IntN(2) == 0 {
		saved := maps.Clone(h.notes)
		c.exec("SAVEPOINT half")
		h.change(c)
		if h.rand.IntN(2) == 0 {
			c.exec("ROLLBACK TO half")
			h.notes = saved
		}
		h.change(c)
	}
	if h.rand.IntN(4) == 0 {
		c.exec("ROLLBACK")
		h.notes = before
		return
	}
	c.exec("COMMIT")
}

// change changes some notes, and reads some.
func (h *history) change(c conn) {
	for range 1 + h.rand.IntN(10) {
		id := h.rand.Int64N(50)
		switch h.rand.IntN(4) {
		case 0:
			c.exec("DELETE FROM note WHERE id = ?", id)
			delete(h.notes, id)
		case 1:
			c.rows(fmt.Sprintf("SELECT id, text FROM note WHERE id >= %d LIMIT 3", id))
		default:
			text := strings.Repeat(string(rune('a'+h.rand.IntN(26))), h.rand.IntN(1<<(4+h.rand.IntN(12))))
			c.exec("REPLACE INTO note VALUES (?, ?)", id, text)
			h.notes[id] = text
		}
	}
}

// What was gathered and could not be written is a fault of the transaction, whoever finds out and
// whether or not SQLite passes that on.
func TestWhatCouldNotBeWrittenIsNotCommitted(t *testing.T) {
	for _, find := range []string{
		"PRAGMA integrity_check",
		"INSERT INTO note SELECT id + 1000, text FROM note WHERE id < 15",
		"SELECT count(*) FROM note WHERE text > ''",
	} {
		path := filepath.Join(t.TempDir(), "x.db")
		c := open(t, path, walvfs.Name, "_cache_size=5")
		want := c.fill(20)
		c.exec("PRAGMA wal_checkpoint(TRUNCATE)")
		c.exec("BEGIN IMMEDIATE")
		c.exec("UPDATE note SET text = ? || id", strings.Repeat("lost", 1000)) // some of it is gathered
		allow := limitFiles(t, 4<<10)
		_, err := c.Exec(find, nil)
		t.Logf("%s: %v", find, err)
		allow()
		if _, err := c.Exec("COMMIT", nil); err == nil {
			t.Errorf("%s: committed, without what was not written", find)
		} else if !c.AutoCommit() {
			c.exec("ROLLBACK")
		}
		c.holds(want)
		c.exec("INSERT INTO note VALUES (100, 'goes on')")
		want[100] = "goes on"
		c.holds(want)
		afterCrash(t, path).holds(want)
	}
}

// limitFiles has no file of this process grow beyond a size, until allow is called.
func limitFiles(t *testing.T, size uint64) (allow func()) {
	t.Helper()
	var former unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &former); err != nil {
		t.Fatal(err)
	}
	set := func(to uint64) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: to, Max: former.Max}); err != nil {
			t.Fatal(err)
		}
	}
	set(size)
	return func() { set(former.Cur) }
}

// In the exclusive mode SQLite does not say when a transaction is undone.
func TestTheExclusiveModeLeavesNothingBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	ours := open(t, path, walvfs.Name, "_cache_size=5")
	want := ours.fill(40)
	ours.exec("PRAGMA wal_checkpoint(PASSIVE)")
	ours.exec("PRAGMA locking_mode = EXCLUSIVE")
	ours.exec("BEGIN IMMEDIATE")
	ours.exec("UPDATE note SET text = ? WHERE id < 20", strings.Repeat("undone", 500))
	ours.exec("ROLLBACK")
	ours.exec("PRAGMA locking_mode = NORMAL")
	ours.holds(want)
	theirs := open(t, path, stock)
	for id := range int64(20) {
		want[id] = strings.Repeat("theirs", 500)
		theirs.exec("UPDATE note SET text = ? WHERE id = ?", want[id], id)
	}
	ours.holds(want)
	afterCrash(t, path).holds(want)
}

// Where a crash may harm what lies beside what is written (psow=0), SQLite writes parts of pages, of
// which some look like the headers of frames.
func TestALogThatIsWrittenInPartsIsLeftAlone(t *testing.T) {
	for pages := 334; pages < 339; pages++ {
		path := filepath.Join(t.TempDir(), "x.db")
		ours := open(t, path, walvfs.Name, "psow=0", "_synchronous=FULL")
		theirs := open(t, path, stock, "psow=0")
		ours.exec("PRAGMA wal_autocheckpoint = 0")
		ours.exec("PRAGMA wal_checkpoint(TRUNCATE)")
		zeros := make([]byte, pages*4092-100) // in overflow pages of 4,092 bytes
		text := string(zeros[:len(zeros)-3900]) + strings.Repeat("e", 3900)
		ours.exec("INSERT INTO note VALUES (1, ?)", text)
		theirs.holds(map[int64]string{1: text})
		theirs.exec("PRAGMA wal_checkpoint(TRUNCATE)")
		ours.holds(map[int64]string{1: text})
	}
}

func TestADatabaseThatIsOpenedOtherwiseIsLeftAlone(t *testing.T) {
	for _, param := range []string{"_locking_mode=EXCLUSIVE", "immutable=1", "mode=ro"} {
		path := filepath.Join(t.TempDir(), "x.db")
		c := open(t, path, stock)
		c.exec("INSERT INTO note VALUES (1, 'x')")
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		opened, err := new(sqlite3.SQLiteDriver).Open("file:" + path + "?vfs=" + walvfs.Name + "&" + param)
		if err != nil {
			t.Fatalf("%s: %v", param, err)
		}
		conn{opened.(*sqlite3.SQLiteConn), t}.holds(map[int64]string{1: "x"})
		if err := opened.Close(); err != nil {
			t.Errorf("%s: %v", param, err)
		}
	}
}
