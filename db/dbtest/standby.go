package dbtest

import (
	"database/sql"
	"errors"
	"net/url"
	"os"
	"testing"
	"time"
)

// StartStandby makes a standby of c, which must run, for which c waits from then on before it
// acknowledges a commit. It runs until the test is over, and takes connections that read.
func StartStandby(t testing.TB, c *Cluster) *Cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "atommq-pg-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Cluster{bin: c.bin, dir: dir, owner: c.owner, options: c.options}
	t.Cleanup(func() {
		s.Stop(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if c.owner != nil {
		if err := os.Chown(dir, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	out, err := s.command("pg_basebackup", "--pgdata", s.data(), "--host", c.dir, "--username", "atommq",
		"--write-recovery-conf", "--checkpoint=fast", "--no-sync").CombinedOutput()
	if err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, out)
	}
	s.Run(t)
	c.Execute(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
	c.Execute(t, "postgres", "SELECT pg_reload_conf()")
	c.awaitState(t, "sync")
	return s
}

// Detach has the standby s of c get nothing more, and c wait for it no longer.
func (c *Cluster) Detach(t testing.TB, s *Cluster) {
	t.Helper()
	c.Execute(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = ''")
	s.Execute(t, "postgres", "ALTER SYSTEM SET primary_conninfo = ''")
	for _, server := range []*Cluster{c, s} {
		server.Execute(t, "postgres", "SELECT pg_reload_conf()")
	}
	c.awaitState(t, "")
}

// awaitState waits until c's standby is in a state, "" for none.
func (c *Cluster) awaitState(t testing.TB, want string) {
	t.Helper()
	db, err := sql.Open("postgres", c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for range 600 {
		var state string
		err := db.QueryRow("SELECT sync_state FROM pg_stat_replication").Scan(&state)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			t.Fatal(err)
		}
		if state == want {
			return
		}
		<-again.C
	}
	t.Fatalf("the standby does not come to be %q", want)
}

// Promote makes a standby a primary, and waits until it takes writes.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	out, err := c.command("pg_ctl", "promote", "--wait", "--pgdata", c.data()).CombinedOutput()
	if err != nil {
		t.Fatalf("pg_ctl promote: %v: %s", err, out)
	}
}

// Either returns the URL of a database that is on c or on other: on the one that takes writes.
func (c *Cluster) Either(t testing.TB, other *Cluster, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("host", c.dir+","+other.dir)
	q.Set("target_session_attrs", "read-write")
	u.RawQuery = q.Encode()
	return u.String()
}
