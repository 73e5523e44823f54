package dbtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Pooler is a PgBouncer in front of a cluster.
type Pooler struct{ dir string }

// StartPooler runs a PgBouncer that pools by mode, until the test is over. Without the program, it
// skips the test, but not where CI is set.
func StartPooler(t testing.TB, c *Cluster, mode string) *Pooler {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer"
	}
	if _, err := os.Stat(program); err != nil {
		lacking(t, "there is no PgBouncer: install the package pgbouncer")
	}
	dir, err := os.MkdirTemp("", "atommq-pool-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	p := &Pooler{dir: dir}
	if err := p.configure(c, mode); err != nil {
		t.Fatal(err)
	}
	p.run(t, c, program)
	return p
}

func (p *Pooler) configure(c *Cluster, mode string) error {
	config := fmt.Sprintf("[databases]\n* = host=%s user=atommq\n[pgbouncer]\nlisten_addr=\nlisten_port=5432\nunix_socket_dir=%s\nauth_type=any\npool_mode=%s\n",
		c.dir, p.dir, mode)
	if err := os.WriteFile(filepath.Join(p.dir, "pgbouncer.ini"), []byte(config), 0o644); err != nil {
		return err
	}
	if c.owner == nil {
		return nil
	}
	return os.Chown(p.dir, int(c.owner.Uid), int(c.owner.Gid))
}

func (p *Pooler) run(t testing.TB, c *Cluster, program string) {
	t.Helper()
	var log bytes.Buffer
	cmd, life, err := c.keep("KILL", program, "pgbouncer.ini")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(life.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
	db, err := sql.Open("postgres", p.URL(t, c.URL("postgres")))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := await(ctx, db); err != nil {
		t.Fatalf("PgBouncer does not start: %v: %s", err, &log)
	}
}

// URL returns the URL of a database of the cluster, by way of the pooler.
func (p *Pooler) URL(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("host", p.dir)
	u.RawQuery = q.Encode()
	return u.String()
}
