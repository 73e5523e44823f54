package db

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/db/dbtest"
)

// mortal lets a node's sign of life grow old.
type mortal struct {
	*Store
	t testing.TB
}

func (m mortal) Die(node int64) {
	if err := m.nodes.release(node); err != nil {
		m.t.Error(err)
	}
	err := m.writer.write(m.t.Context(), func() error {
		return m.writer.exec("UPDATE atommq_node SET seen = seen - 9000000 WHERE id = ?", node)
	})
	if err != nil {
		m.t.Error(err)
	}
}

func TestPostgresKeepsThePromisesOfAStore(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off", "max_connections=40")
	bustest.TestStore(t, func(t *testing.T) bus.Store { return mortal{openAt(t, cluster.Database(t)), t} })
}

func TestNamesThatNoTextCanHoldAreNotThere(t *testing.T) {
	s := openAt(t, dbtest.Start(t, "fsync=off").Database(t))
	ctx := t.Context()
	for _, name := range []string{"a\x00b", "\xff"} {
		if _, err := s.Feed(ctx, name); !errors.Is(err, bus.ErrNoFeed) {
			t.Errorf("Feed(%q): %v", name, err)
		}
		if _, err := s.Queue(ctx, name, name); !errors.Is(err, bus.ErrNoQueue) {
			t.Errorf("Queue(%q): %v", name, err)
		}
		if _, err := s.Find(ctx, name, name); !errors.Is(err, bus.ErrNoEntry) {
			t.Errorf("Find(%q): %v", name, err)
		}
		if page, err := s.Read(ctx, bus.Query{Feed: name, Limit: 1}); err != nil || len(page) != 0 {
			t.Errorf("Read(%q): %v, %v", name, page, err)
		}
	}
}

func TestSeveralServersAreNamedAsPostgreSQLsProgramsTakeThem(t *testing.T) {
	tests := []struct{ dsn, want string }{
		{"postgres://u:p@a:1,b:2/x", "postgres://u:p@/x?&host=a,b&port=1,2"},
		{"postgres://a:1,b/x?target_session_attrs=read-write", "postgres:///x?target_session_attrs=read-write&host=a,b&port=1,5432"},
		{"postgres://[::1]:1,b:2", "postgres://?&host=::1,b&port=1,2"},
		{"postgres://a:1/x", "postgres://a:1/x"},
	}
	for _, test := range tests {
		if got := joinPorts(test.dsn); got != test.want {
			t.Errorf("%s is read as %s, want %s", test.dsn, got, test.want)
		}
	}
}

func TestWhatAPasswordHasToBeWrittenAsIsSaid(t *testing.T) {
	for _, password := range []string{"p%zz", "p/w", "12/w", "12?w", "12#w", "p@w/x"} {
		if _, err := parseServer("postgres://u:" + password + "@a/x"); err == nil || !strings.Contains(err.Error(), "%2F for /") {
			t.Errorf("%s: %v", password, err)
		}
	}
	for _, dsn := range []string{
		"postgres://u:p%2F%23%3F%40@a/x", "postgres://u:p@w:x@a/x", "postgres:///x?host=/run/pg&user=u@realm&password=p@w", "postgres://a/x%40y",
		"postgres:///x?host=@pg", "postgres://u@a/x?sslcert=/home/u@realm/u.crt",
	} {
		if _, err := parseServer(dsn); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

func TestOfSeveralServersTheOneThatTakesWritesIsMeant(t *testing.T) {
	tests := []struct{ dsn, want string }{
		{"postgres://a:1,b:2/x", "read-write"},
		{"postgres:///x?host=a,b", "read-write"},
		{"postgres://a,b/x?target_session_attrs=primary", "primary"},
		{"postgres://a,b/x?target_session_attrs=any", "any"},
		{"postgres://a/x", ""},
	}
	for _, test := range tests {
		s, err := parseServer(test.dsn)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(s.dsn)
		if got := u.Query().Get("target_session_attrs"); err != nil || got != test.want {
			t.Errorf("%s asks for %q, %v, want %q", test.dsn, got, err, test.want)
		}
	}
	for _, target := range []string{"standby", "prefer-standby", "read-only"} {
		if _, err := parseServer("postgres://a,b/x?target_session_attrs=" + target); err == nil || !strings.Contains(err.Error(), "use read-write") {
			t.Errorf("target_session_attrs=%s: %v", target, err)
		}
	}
}

// The first of the hosts has no server.
func TestTheFirstServerThatAnswersIsTaken(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	where, err := url.Parse(cluster.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	q := where.Query()
	q.Set("host", t.TempDir()+","+q.Get("host"))
	where.RawQuery = q.Encode()
	mustCommit(t, openAt(t, where.String()), publishing(t, "x", 1)...)
}

func TestAPasswordIsNotShown(t *testing.T) {
	for _, dsn := range []string{
		"postgres://u:secret@a/x", "postgres://u:secret@a:1,b:2/x", "postgres://a/x?password=secret&sslpassword=secret",
		"postgres://u:se%cret@a/x", "postgres://u:secret@a/x?sslmode=no", "postgres://a/x?sslinline=true&sslkey=secret",
		"postgres://u:12/secret@a/x", "postgres://u:12?secret@a/x", "postgres://u:12#secret@a/x", "postgres://u:p@1/secret@a/x", "postgres://u/v:secret@a/x", // the host would be u, and its port 12
	} {
		if name := Name(dsn); strings.Contains(name, "secret") || strings.Contains(name, "cret") {
			t.Errorf("%s is shown as %s", dsn, name)
		}
		if _, err := Open(t.Context(), dsn+"\x7f", Config{}); err == nil || strings.Contains(err.Error(), "cret") {
			t.Errorf("Open of %s: %v", dsn, err)
		}
	}
}

// The XML of a commit's entries goes to the server as one text.
func TestEntriesOfOneCommitAreToldApart(t *testing.T) {
	t.Parallel()
	s := openAt(t, dbtest.Start(t, "fsync=off").Database(t))
	kept := []string{"", "<a>one</a>", "", `{"a\",'b'}`, "NULL", ""}
	ops := publishing(t, "x", len(kept))
	for i, xml := range kept {
		ops[i].Posts[0].Entry.XML = []byte(xml)
	}
	mustCommit(t, s, ops...)
	broken := publishing(t, "x", 2)
	broken[0].Posts[0].Entry.XML = []byte("a\x01b")
	if err := s.Commit(t.Context(), bustest.Piece(broken...)); err == nil {
		t.Error("what would be taken for two entries is committed")
	}
	page, err := s.Read(t.Context(), bus.Query{Feed: "x", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range page {
		got = append(got, string(e.XML))
	}
	if diff := cmp.Diff(kept, got); diff != "" {
		t.Errorf("(-published +kept):\n%s", diff)
	}
}
