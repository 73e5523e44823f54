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
	"atommq/bus/bustest"
)

func TestParseTakesFileNamesAndURLs(t *testing.T) {
	tests := []struct{ dsn, path, mode string }{
		{dsn: "atommq.db", path: "atommq.db"},
		{dsn: "/var/lib/atommq/a b?c.db", path: "/var/lib/atommq/a b?c.db"},
		{dsn: "file:a%20b.db?mode=ro", path: "a b.db", mode: "ro"},
		{dsn: "file:/srv/x.db#part", path: "/srv/x.db"},
		{dsn: "file:///srv/x.db", path: "/srv/x.db"},
		{dsn: "file://localhost/srv/x.db?mode=rw", path: "/srv/x.db", mode: "rw"},
	}
	for _, test := range tests {
		loc, err := parse(test.dsn)
		if err != nil || loc.path != test.path || loc.params.Get("mode") != test.mode {
			t.Errorf("parse(%q) = %+v, %v", test.dsn, loc, err)
		}
	}
}

// A directory that a shell puts before the name may be "/".
func TestAFileIsOpenedByANameOfTwoSlashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s, err := Open(t.Context(), "/"+path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesInOneLine(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, dsn, says string
		is              error
	}{
		{"no name", "", "name a file", nil},
		{"memory", ":memory:", "name a file", nil},
		{"memory by URL", "file::memory:", "name a file", nil},
		{"memory by mode", "file:x?mode=memory", "name a file", nil},
		{"shared cache", "file:x?cache=shared", "cache=shared", nil},
		{"another machine", "file://host/x.db", `"host"`, nil},
		{"a scheme of other programs", "sqlite:x.db", "sqlite: names no database", nil},
		{"another database", "mysql://u:secret@host/x", "mysql: names no database", nil},
		{"no server", "postgres://u:secret@127.0.0.1:1/x", "postgres://u:xxxxx@127.0.0.1:1/x: storage is unavailable", bus.ErrUnavailable},
		{"no URL of a server", "postgres://u:sec%ret@127.0.0.1/x", "in the password %25 for %", nil},
		{"a directory", dir, "is a directory", bus.ErrUnavailable},
		{"a missing directory", filepath.Join(dir, "no", "x.db"), "make it first", bus.ErrUnavailable},
		{"another file", text, "not a database", bus.ErrUnavailable},
		{"a missing file to read", "file:" + filepath.Join(dir, "x.db") + "?mode=rw", "unable to open", bus.ErrUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := Open(t.Context(), test.dsn, Config{})
			if err == nil {
				t.Fatal(errors.Join(errors.New("opened"), s.Close()))
			}
			if msg := err.Error(); !strings.Contains(msg, test.says) || strings.Contains(msg, "\n") {
				t.Errorf("error %q, want one line with %q", msg, test.says)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v, want %v", err, test.is)
			}
		})
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "y.db"), Config{Synchronous: "MAYBE"}); err == nil {
		t.Error("Open took a setting that SQLite does not know")
	}
}

func TestAFileThatMayOnlyBeReadIsServedForReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atommq.db")
	mustCommit(t, openAt(t, path), publishing(t, "x", 2)...)
	s := openAt(t, "file:"+path+"?mode=ro")
	if page, err := s.Read(t.Context(), bus.Query{Feed: "x", Limit: 10}); err != nil || len(page) != 2 {
		t.Errorf("Read = %d entries, %v; want 2", len(page), err)
	}
	if err := s.Commit(t.Context(), bustest.Piece(publishing(t, "x", 1)...)); !errors.Is(err, bus.ErrReadOnly) {
		t.Errorf("Commit: error %v, want %v", err, bus.ErrReadOnly)
	}
	if _, err := s.Configure(t.Context(), "y", bus.Settings{}); !errors.Is(err, bus.ErrReadOnly) {
		t.Errorf("Configure: error %v, want %v", err, bus.ErrReadOnly)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	s := openNew(t)
	sqlExec(t, s, "INSERT INTO atommq_schema (version_id, is_applied) VALUES (99, 1)")
	_, err := Open(t.Context(), sqliteOf(s).location.path, Config{})
	if !errors.Is(err, bus.ErrNewerSchema) || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("error %v, want %v with the version", err, bus.ErrNewerSchema)
	}
}

func TestConnectionsHaveTheirPragmas(t *testing.T) {
	s := openNew(t)
	pragmas := []string{"journal_mode", "synchronous", "foreign_keys", "query_only"}
	var writer, reader []string
	for _, p := range pragmas {
		writer = append(writer, writerText(t, s, "PRAGMA "+p))
		var v string
		if err := s.reader.GetContext(t.Context(), &v, "PRAGMA "+p); err != nil {
			t.Fatal(err)
		}
		reader = append(reader, v)
	}
	if diff := cmp.Diff([]string{"wal", "2", "1", "0"}, writer); diff != "" {
		t.Errorf("writer %v (-want +got):\n%s", pragmas, diff)
	}
	if reader[0] != "wal" || reader[3] != "1" {
		t.Errorf("reader %v = %v, want wal and query_only", pragmas, reader)
	}
}

func TestWhatWasCommittedOutlivesAnAbandonedStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atommq.db")
	abandoned := openAt(t, path)
	mustCommit(t, abandoned, publishing(t, "x", 3)...)
	s := openAt(t, path)
	if head, err := s.Head(t.Context()); err != nil || head != 3 {
		t.Errorf("head = %d, %v; want 3", head, err)
	}
}

func TestAFailedCommitTellsItsCauseAndTheNextOneWorks(t *testing.T) {
	tests := []struct {
		name        string
		spoil, mend string
		want        error
	}{
		{"full", "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", bus.ErrFull},
		{"read-only", "PRAGMA query_only = 1", "PRAGMA query_only = 0", bus.ErrReadOnly},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := openNew(t)
			mustCommit(t, s, publishing(t, "x", 1)...)
			sqlExec(t, s, test.spoil)
			ops := publishing(t, "x", 1000)
			if err := s.Commit(t.Context(), bustest.Piece(ops...)); !errors.Is(err, test.want) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if id := ops[0].Posts[0].Entry.ID; id != 0 {
				t.Errorf("an entry that was not written has the id %d", id)
			}
			checkAccounts(t, s)
			sqlExec(t, s, test.mend)
			mustCommit(t, s, ops...)
			if head, err := s.Head(t.Context()); err != nil || head != 1001 {
				t.Errorf("head = %d, %v; want 1001", head, err)
			}
			checkAccounts(t, s)
		})
	}
}

func TestAConnectionGivenUpLetsGoOfItsTransaction(t *testing.T) {
	s := openNew(t)
	mustCommit(t, s, publishing(t, "x", 1)...)
	failing, err := sqliteOf(s).statement("SELECT abs(-9223372036854775807 - 1)")
	if err != nil {
		t.Fatal(err)
	}
	sqliteOf(s).stmts["ROLLBACK"] = failing
	spoilt := errors.New("spoilt")
	err = s.writer.write(t.Context(), func() error {
		if err := s.writer.exec("UPDATE atommq_log SET last_id = last_id"); err != nil {
			return err
		}
		return spoilt
	})
	if !errors.Is(err, spoilt) {
		t.Fatal(err)
	}
	mustCommit(t, s, publishing(t, "x", 1)...)
}

func TestAFileThatCannotHaveALogIsRefused(t *testing.T) {
	_, err := Open(t.Context(), "file:"+filepath.Join(t.TempDir(), "atommq.db")+"?vfs=unix-dotfile", Config{})
	if !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "local disk") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}

func TestAWriterWaitsForAnotherProcess(t *testing.T) {
	s := openNew(t)
	other := openAt(t, sqliteOf(s).location.path)
	sqlExec(t, other, "BEGIN IMMEDIATE")

	sqliteOf(s).config.BusyTimeout = time.Millisecond
	if err := s.Commit(t.Context(), bustest.Piece(publishing(t, "x", 1)...)); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("past its patience: error %v, want %v", err, bus.ErrUnavailable)
	}

	sqliteOf(s).config.BusyTimeout = time.Hour
	cause := errors.New("gone home")
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error)
	go func() { failed <- s.Commit(ctx, bustest.Piece(publishing(t, "x", 1)...)) }()
	cancel(cause)
	if err := <-failed; !errors.Is(err, cause) {
		t.Errorf("cancelled: error %v, want %v", err, cause)
	}

	committed := make(chan error)
	go func() { committed <- s.Commit(t.Context(), bustest.Piece(publishing(t, "x", 1)...)) }()
	sqlExec(t, other, "COMMIT")
	if err := <-committed; err != nil {
		t.Errorf("once the other is done: %v", err)
	}
}

// Entries, hashes of passwords and the secret of claims are in it, and in its backups.
func TestNobodyButItsOwnerReadsADatabase(t *testing.T) {
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "atommq.db"), filepath.Join(dir, "backup.db")
	s, err := Open(t.Context(), path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, publishing(t, "x", 1)...)
	if _, err := s.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Backup{From: path, To: backup}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + "-wal", path + "-shm", path + "-nodes", backup} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has the mode %o, want 600", filepath.Base(file), mode)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsAcknowledgedThatANewStartWouldNotFind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atommq.db")
	s := openAt(t, path)
	mustCommit(t, s, publishing(t, "x", 1)...)
	aside := path + ".aside"
	for name, replace := range map[string]func() error{
		"removed": func() error { return os.Rename(path, aside) },
		"replaced": func() error {
			return errors.Join(os.Rename(path, aside), os.WriteFile(path, nil, 0o600))
		},
	} {
		if err := replace(); err != nil {
			t.Fatal(err)
		}
		err := s.Commit(t.Context(), bustest.Piece(publishing(t, "x", 1)...))
		if !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "was removed or replaced") {
			t.Errorf("the file is %s: %v", name, err)
		}
		if err := s.Ready(t.Context()); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("the file is %s, and the store is ready: %v", name, err)
		}
		if err := os.Rename(aside, path); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, publishing(t, "x", 1)...)
	}
}
